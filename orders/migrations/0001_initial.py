import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('enterprises', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Declaration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('STOP', 'Planned stop'), ('REPAIR', 'Repair'), ('FAULT', 'Fault'), ('TEST', 'Test run'), ('POWER_CUT', 'Power cut'), ('DEVICE_WORK', 'Work on the monitoring device')], max_length=15, verbose_name='kind')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(verbose_name='until')),
                ('reason', models.TextField(verbose_name='reason')),
                ('status', models.CharField(choices=[('SUBMITTED', 'Submitted'), ('ACCEPTED', 'Accepted'), ('REFUSED', 'Refused'), ('WITHDRAWN', 'Withdrawn')], default='SUBMITTED', max_length=10, verbose_name='status')),
                ('submitted_at', models.DateTimeField(auto_now_add=True, verbose_name='submitted')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='declarations', to='enterprises.enterprise', verbose_name='enterprise')),
                ('facilities', models.ManyToManyField(blank=True, help_text='None: the whole enterprise.', related_name='declarations', to='enterprises.facility', verbose_name='facilities')),
            ],
            options={
                'verbose_name': 'declaration',
                'verbose_name_plural': 'declarations',
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='orders_declaration_ends_after_start')],
            },
        ),
    ]
