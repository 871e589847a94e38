from django.db import migrations, models

from audit.triggers import lower_guard, raise_guard


def raise_it(apps, schema_editor):
    raise_guard(schema_editor.connection)


def lower_it(apps, schema_editor):
    lower_guard(schema_editor.connection)


# Going back loses the column that is part of the newer hashes: the older program then calls these rows changed.
class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="dataset_id",
            field=models.BigIntegerField(
                blank=True,
                db_index=True,
                help_text="Of what it is about, where that is known.",
                null=True,
                verbose_name="dataset",
            ),
        ),
        migrations.RunPython(raise_it, lower_it),
    ]
