from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('meters', '0003_builtin_profiles'),
    ]

    operations = [
        migrations.CreateModel(
            name='ListeningSpan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stream', models.CharField(max_length=60)),
                ('started_at', models.DateTimeField()),
                ('alive_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['alive_at'], name='meters_listening_reaches')],
                'constraints': [models.CheckConstraint(condition=models.Q(('alive_at__gte', models.F('started_at'))), name='meters_listening_ends_after_start')],
            },
        ),
    ]
