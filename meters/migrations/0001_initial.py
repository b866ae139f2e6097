import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('enterprises', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RawChunk',
            fields=[
                ('pk', models.CompositePrimaryKey('id', 'received_at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.BigIntegerField()),
                ('received_at', models.DateTimeField()),
                ('stream', models.CharField(max_length=60)),
                ('frame_count', models.IntegerField()),
                ('payload', models.BinaryField()),
                ('previous_sha256', models.BinaryField()),
                ('sha256', models.BinaryField()),
            ],
            options={
                'db_table': 'meters_rawchunk',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('pk', models.CompositePrimaryKey('point_id', 'measured_at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('measured_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('p_kw', models.FloatField(null=True)),
                ('ua', models.FloatField(null=True)),
                ('ub', models.FloatField(null=True)),
                ('uc', models.FloatField(null=True)),
                ('ia', models.FloatField(null=True)),
                ('ib', models.FloatField(null=True)),
                ('ic', models.FloatField(null=True)),
                ('pf', models.FloatField(null=True)),
                ('energy_kwh', models.DecimalField(decimal_places=4, max_digits=16, null=True)),
                ('flag', models.CharField(max_length=4)),
                ('is_backfill', models.BooleanField()),
                ('chunk_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'meters_reading',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Collector',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mn', models.CharField(max_length=40, unique=True, verbose_name='MN')),
                ('password', models.CharField(default='123456', max_length=24, verbose_name='password (PW)')),
                ('expected_interval_s', models.PositiveIntegerField(default=60, validators=[django.core.validators.MinValueValidator(30), django.core.validators.MaxValueValidator(3600)], verbose_name='expected interval (s)')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='collectors', to='enterprises.enterprise', verbose_name='enterprise')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='collectors', to='enterprises.site', verbose_name='site')),
            ],
            options={
                'verbose_name': 'collector',
                'verbose_name_plural': 'collectors',
            },
        ),
        migrations.CreateModel(
            name='MonitoringPoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('circuit', models.CharField(max_length=20, verbose_name='circuit')),
                ('is_accepted', models.BooleanField(default=True, verbose_name='accepted')),
                ('collector', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='points', to='meters.collector', verbose_name='collector')),
                ('facility', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='points', to='enterprises.facility', verbose_name='facility')),
            ],
            options={
                'verbose_name': 'monitoring point',
                'verbose_name_plural': 'monitoring points',
            },
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=60, unique=True, verbose_name='name')),
                ('title', models.CharField(max_length=120, verbose_name='title')),
                ('spec', models.JSONField(verbose_name='specification')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='enabled')),
            ],
            options={
                'verbose_name': 'protocol profile',
                'verbose_name_plural': 'protocol profiles',
            },
        ),
        migrations.CreateModel(
            name='CollectorStatus',
            fields=[
                ('collector', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='status', serialize=False, to='meters.collector')),
                ('first_measured_at', models.DateTimeField(null=True)),
                ('latest_measured_at', models.DateTimeField(null=True)),
                ('latest_received_at', models.DateTimeField()),
                ('latest_peer', models.CharField(blank=True, max_length=60)),
                ('frame_count', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'collector status',
                'verbose_name_plural': 'collector statuses',
            },
        ),
        migrations.CreateModel(
            name='IntakeIssue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('GARBAGE', 'Bytes outside any frame'), ('BAD_LENGTH', 'Length field wrong'), ('OVERLONG', 'Longer than allowed'), ('BAD_CRC', 'Check sum wrong'), ('TRUNCATED', 'Frame not finished'), ('BAD_SEGMENT', 'Data segment not readable'), ('UNKNOWN_MN', 'Collector not registered (MN)'), ('DISABLED_MN', 'Collector disabled'), ('WRONG_PASSWORD', 'Password wrong (PW)'), ('UNKNOWN_COMMAND', 'Command not handled (CN)'), ('NO_PROFILE', 'No profile matches the frame'), ('UNKNOWN_CODE', 'Code not in the profile'), ('UNKNOWN_CIRCUIT', 'Circuit without a monitoring point'), ('BAD_TIME', 'DataTime is no time or missing'), ('FUTURE_TIME', 'DataTime lies in the future'), ('ANCIENT_TIME', 'DataTime lies before the kept period'), ('BAD_VALUE', 'Value is no usable number'), ('TOO_MANY_CONNECTIONS', 'Connection refused: too many'), ('CONFLICT', 'A second, different value for the same moment')], max_length=24, verbose_name='reason')),
                ('mn', models.CharField(blank=True, max_length=40, verbose_name='MN')),
                ('code', models.CharField(blank=True, max_length=40, verbose_name='code')),
                ('peer', models.CharField(blank=True, max_length=60, verbose_name="sender's address")),
                ('first_at', models.DateTimeField(verbose_name='first')),
                ('latest_at', models.DateTimeField(verbose_name='latest')),
                ('count', models.BigIntegerField(default=0, verbose_name='count')),
                ('sample', models.BinaryField(default=bytes, verbose_name='sample')),
            ],
            options={
                'verbose_name': 'input problem',
                'verbose_name_plural': 'input problems',
                'indexes': [models.Index(fields=['-latest_at'], name='meters_intakeissue_newest')],
                'constraints': [models.UniqueConstraint(fields=('reason', 'mn', 'code', 'peer'), name='meters_intakeissue_counted_once')],
            },
        ),
        migrations.CreateModel(
            name='LatestReading',
            fields=[
                ('point', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='latest', serialize=False, to='meters.monitoringpoint')),
                ('measured_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('p_kw', models.FloatField(null=True)),
                ('ua', models.FloatField(null=True)),
                ('ia', models.FloatField(null=True)),
                ('energy_kwh', models.DecimalField(decimal_places=4, max_digits=16, null=True)),
            ],
            options={
                'db_table': 'meters_latestreading',
            },
        ),
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('serial', models.CharField(max_length=40, verbose_name='serial number')),
                ('accuracy_class', models.CharField(blank=True, max_length=10, verbose_name='accuracy class')),
                ('ct_ratio', models.FloatField(default=1.0, validators=[django.core.validators.MinValueValidator(0.0)], verbose_name='CT ratio')),
                ('pt_ratio', models.FloatField(default=1.0, validators=[django.core.validators.MinValueValidator(0.0)], verbose_name='PT ratio')),
                ('valid_from', models.DateTimeField(verbose_name='valid from')),
                ('valid_to', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                ('point', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='meters', to='meters.monitoringpoint', verbose_name='point')),
            ],
            options={
                'verbose_name': 'meter',
                'verbose_name_plural': 'meters',
            },
        ),
        migrations.AddField(
            model_name='collector',
            name='profile',
            field=models.ForeignKey(blank=True, help_text='Empty: the first enabled profile that matches each frame.', null=True, on_delete=django.db.models.deletion.PROTECT, to='meters.profile', verbose_name='protocol profile'),
        ),
        migrations.CreateModel(
            name='ReadingConflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measured_at', models.DateTimeField(verbose_name='measured')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('kept', models.JSONField(verbose_name='kept values')),
                ('refused', models.JSONField(verbose_name='refused values')),
                ('chunk_id', models.BigIntegerField()),
                ('point', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conflicts', to='meters.monitoringpoint', verbose_name='point')),
            ],
            options={
                'verbose_name': 'conflicting reading',
                'verbose_name_plural': 'conflicting readings',
            },
        ),
        migrations.CreateModel(
            name='StateSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('OFF', 'Off'), ('STANDBY', 'Standby'), ('ON', 'Running'), ('UNKNOWN', 'No data'), ('POWER_CUT', 'Power cut')], max_length=10)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('mean_kw', models.FloatField(null=True)),
                ('max_kw', models.FloatField(null=True)),
                ('reading_count', models.IntegerField(default=0)),
                ('backfill_count', models.IntegerField(default=0)),
                ('point', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='segments', to='meters.monitoringpoint')),
            ],
            options={
                'verbose_name': 'state segment',
                'verbose_name_plural': 'state segments',
            },
        ),
        migrations.CreateModel(
            name='ChangedWindow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='enterprises.enterprise')),
            ],
            options={
                'indexes': [models.Index(fields=['enterprise'], name='meters_changedwindow_of')],
            },
        ),
        migrations.AddConstraint(
            model_name='monitoringpoint',
            constraint=models.UniqueConstraint(fields=('collector', 'circuit'), name='meters_point_circuit_once'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gt', models.F('valid_from')), _connector='OR'), name='meters_meter_ends_after_start'),
        ),
        migrations.AddIndex(
            model_name='readingconflict',
            index=models.Index(fields=['point', 'measured_at'], name='meters_conflict_by_moment'),
        ),
        migrations.AddConstraint(
            model_name='statesegment',
            constraint=models.UniqueConstraint(fields=('point', 'started_at'), name='meters_segment_starts_once'),
        ),
        migrations.AddConstraint(
            model_name='statesegment',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at__gte', models.F('started_at'))), name='meters_segment_ends_after_start'),
        ),
    ]
