import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_agreement_language'),
    ]

    operations = [
        migrations.AddField(
            model_name='institution',
            name='key',
            field=models.CharField(default='', editable=False, max_length=500),
        ),
        migrations.AddField(
            model_name='invitation',
            name='hospitals',
            field=models.ManyToManyField(related_name='+', to='accounts.hospital', verbose_name='hospitals'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='revoked_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='revoked'),
        ),
        # So that the field can come back on a table with rows when this is undone.
        migrations.AlterField(
            model_name='invitation',
            name='hospital',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='accounts.hospital'),
        ),
    ]
