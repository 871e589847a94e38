from django.db import migrations

from accounts import sealing


def seal(apps, schema_editor):
    sealing.change_rows(apps.get_model("mfa", "Authenticator"), sealing.reseal)


def unseal(apps, schema_editor):
    sealing.change_rows(apps.get_model("mfa", "Authenticator"), sealing.unseal)


class Migration(migrations.Migration):
    """Secrets of authenticator apps and seeds of recovery codes, sealed by factors.key. Needs the key only where there
    are any."""

    dependencies = [
        ("accounts", "0010_institution_key_and_no_single_hospital"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [migrations.RunPython(seal, unseal)]
