import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_fill_institutions_and_invitations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='institution',
            name='key',
            field=models.CharField(editable=False, max_length=500, unique=True),
        ),
        migrations.RemoveField(
            model_name='invitation',
            name='hospital',
        ),
        migrations.AlterField(
            model_name='invitation',
            name='hospitals',
            field=models.ManyToManyField(related_name='invitations', to='accounts.hospital', verbose_name='hospitals'),
        ),
    ]
