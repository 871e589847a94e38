import unicodedata

from django.db import migrations


def plain(name):
    return " ".join(unicodedata.normalize("NFC", name).split())


def key_of(name):
    return plain(unicodedata.normalize("NFKC", name).casefold())[:500]


def fill_institutions(apps, schema_editor):
    """What people typed as their institution becomes a row, each name once, and the people point to it."""
    Institution, User = apps.get_model("accounts", "Institution"), apps.get_model("accounts", "User")
    rows = {}
    for row in Institution.objects.order_by("pk"):
        key = key_of(row.name)
        while key in rows:  # two rows of one name: both stay, a data manager merges them
            key = f"{key} {row.pk}"[-500:]
        Institution.objects.filter(pk=row.pk).update(key=key)
        rows[key] = row.merged_into_id or row.pk
    people = User.objects.filter(affiliation=None).exclude(institution="")
    for pk, text, country in people.values_list("pk", "institution", "country").iterator():
        key = key_of(text)
        if not key:
            continue
        if key not in rows:
            rows[key] = Institution.objects.create(name=plain(text), key=key, country=country).pk
        User.objects.filter(pk=pk).update(affiliation_id=rows[key])


def fill_invitations(apps, schema_editor):
    for invitation in apps.get_model("accounts", "Invitation").objects.exclude(hospital=None).iterator():
        invitation.hospitals.add(invitation.hospital_id)


def empty_invitations(apps, schema_editor):
    """An invitation for several hospitals keeps the first of them: the table of before has room for one."""
    Invitation = apps.get_model("accounts", "Invitation")
    for invitation in Invitation.objects.filter(hospital=None).iterator():
        first = invitation.hospitals.order_by("number").first()
        Invitation.objects.filter(pk=invitation.pk).update(hospital=first)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_institutions_and_invitations'),
    ]

    operations = [
        migrations.RunPython(fill_institutions, migrations.RunPython.noop),
        migrations.RunPython(fill_invitations, empty_invitations),
    ]
