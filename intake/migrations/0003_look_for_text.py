from django.db import migrations
from django.utils import timezone


def send_back(apps, schema_editor):
    """Files that were de-identified before the program looked for text in pictures go through that stage again. Those
    whose original was destroyed in time stay: they can be rejected only."""
    files = apps.get_model("intake", "UploadedFile").objects.filter(stage__in=["segment", "assess", "curate"])
    files.filter(purged_at=None).exclude(deid_report__has_key="text").update(
        stage="deidentify", stage_since=timezone.now(), attempts=0, claimed_by="", claimed_until=None
    )


class Migration(migrations.Migration):
    dependencies = [("intake", "0002_text_boxes")]

    operations = [migrations.RunPython(send_back, migrations.RunPython.noop)]
