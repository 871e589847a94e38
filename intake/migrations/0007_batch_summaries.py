from django.db import migrations, models
from django.utils import timezone


def nothing_new(apps, schema_editor):
    """Nobody wants a mail about each batch from before there were any."""
    apps.get_model("intake", "UploadBatch").objects.update(summary_sent_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("intake", "0006_pacs_and_zip"),
    ]

    operations = [
        migrations.AddField(
            model_name="uploadbatch",
            name="summary_sent_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="When its person was last told what became of it.", null=True
            ),
        ),
        migrations.RunPython(nothing_new, migrations.RunPython.noop),
    ]
