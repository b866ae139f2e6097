import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('enterprises', '0001_initial'),
        ('meters', '0001_initial'),
        ('tenancy', '0002_grants'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=20, unique=True, verbose_name='number')),
                ('rule', models.CharField(choices=[('R01', 'Control facility not running'), ('R10', 'Collector offline'), ('R12', 'Power cut')], max_length=5, verbose_name='rule')),
                ('level', models.PositiveSmallIntegerField(choices=[(1, 'Level 1'), (2, 'Level 2'), (3, 'Level 3')], verbose_name='level')),
                ('status', models.CharField(choices=[('OPEN', 'Open'), ('ACKNOWLEDGED', 'Acknowledged'), ('EXPLAINED', 'Explained by the enterprise'), ('VERIFYING', 'Being verified'), ('CONFIRMED', 'Confirmed'), ('DISMISSED', 'Dismissed'), ('EXPLAINED_OK', 'Explanation accepted'), ('WITHDRAWN', 'Withdrawn: later data show otherwise'), ('CLOSED', 'Closed')], default='OPEN', max_length=15, verbose_name='status')),
                ('subject_key', models.CharField(max_length=60)),
                ('first_started_at', models.DateTimeField(verbose_name='first seen')),
                ('latest_ended_at', models.DateTimeField(verbose_name='last seen')),
                ('is_ongoing', models.BooleanField(default=True, verbose_name='going on')),
                ('detected_at', models.DateTimeField(verbose_name='detected')),
                ('occurrence_count', models.PositiveIntegerField(default=1)),
                ('collector', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='meters.collector')),
                ('county', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.division', verbose_name='county')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='enterprises.enterprise', verbose_name='enterprise')),
                ('facility', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='enterprises.facility')),
                ('pairing', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='enterprises.pairing')),
                ('site', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='enterprises.site')),
            ],
            options={
                'verbose_name': 'alert',
                'verbose_name_plural': 'alerts',
            },
        ),
        migrations.CreateModel(
            name='AlertLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('event', models.CharField(max_length=30)),
                ('from_status', models.CharField(blank=True, choices=[('OPEN', 'Open'), ('ACKNOWLEDGED', 'Acknowledged'), ('EXPLAINED', 'Explained by the enterprise'), ('VERIFYING', 'Being verified'), ('CONFIRMED', 'Confirmed'), ('DISMISSED', 'Dismissed'), ('EXPLAINED_OK', 'Explanation accepted'), ('WITHDRAWN', 'Withdrawn: later data show otherwise'), ('CLOSED', 'Closed')], max_length=15)),
                ('to_status', models.CharField(choices=[('OPEN', 'Open'), ('ACKNOWLEDGED', 'Acknowledged'), ('EXPLAINED', 'Explained by the enterprise'), ('VERIFYING', 'Being verified'), ('CONFIRMED', 'Confirmed'), ('DISMISSED', 'Dismissed'), ('EXPLAINED_OK', 'Explanation accepted'), ('WITHDRAWN', 'Withdrawn: later data show otherwise'), ('CLOSED', 'Closed')], max_length=15)),
                ('detail', models.JSONField(default=dict)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='log', to='alerts.alert')),
            ],
            options={
                'verbose_name': 'alert log entry',
                'verbose_name_plural': 'alert log',
            },
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120, unique=True)),
                ('audience', models.CharField(max_length=30, verbose_name='told as')),
                ('channel', models.CharField(choices=[('SMS', 'SMS'), ('EMAIL', 'Email')], max_length=10, verbose_name='channel')),
                ('address', models.CharField(max_length=254, verbose_name='address')),
                ('subject', models.CharField(blank=True, max_length=200, verbose_name='subject')),
                ('text', models.TextField(verbose_name='text')),
                ('html', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('QUEUED', 'Queued'), ('IN_FLIGHT', 'Being sent'), ('RETRY', 'To be tried again'), ('SENT', 'Handed to the provider'), ('FAILED', 'Failed'), ('UNKNOWN', 'Outcome unknown, being looked up')], default='QUEUED', max_length=10, verbose_name='state')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField(verbose_name='queued')),
                ('due_at', models.DateTimeField()),
                ('in_flight_since', models.DateTimeField(null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent')),
                ('provider_id', models.CharField(blank=True, max_length=80)),
                ('error', models.CharField(blank=True, max_length=300, verbose_name='error')),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='alerts.alert')),
                ('recipient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
            },
        ),
        migrations.CreateModel(
            name='Occurrence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(choices=[('R01', 'Control facility not running'), ('R10', 'Collector offline'), ('R12', 'Power cut')], max_length=5)),
                ('subject_key', models.CharField(max_length=60)),
                ('state', models.CharField(choices=[('FIRING', 'Going on'), ('ENDED', 'Ended'), ('SUPPRESSED', 'Suppressed'), ('WITHDRAWN', 'Withdrawn')], max_length=12)),
                ('level', models.PositiveSmallIntegerField(choices=[(1, 'Level 1'), (2, 'Level 2'), (3, 'Level 3')])),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('detected_at', models.DateTimeField()),
                ('evidence', models.JSONField(default=dict)),
                ('alert', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='occurrences', to='alerts.alert')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='enterprises.enterprise')),
            ],
            options={
                'verbose_name': 'occurrence',
                'verbose_name_plural': 'occurrences',
            },
        ),
        migrations.CreateModel(
            name='RuleParameter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=40, verbose_name='key')),
                ('value', models.FloatField(verbose_name='value')),
                ('industry', models.CharField(blank=True, choices=[('COKING', 'Coking'), ('STEEL', 'Steel'), ('COAL_WASHING', 'Coal washing'), ('FOUNDRY', 'Foundry'), ('BRICK', 'Bricks and tiles'), ('CEMENT', 'Cement and grinding'), ('LIME', 'Lime'), ('REFRACTORY', 'Refractories'), ('STONE', 'Stone crushing'), ('CONCRETE', 'Concrete'), ('COATING', 'Coating and furniture'), ('CHEMICAL', 'Chemicals'), ('FEED', 'Feed milling'), ('ELECTRONICS', 'Electronics'), ('MACHINERY', 'Machinery'), ('OTHER', 'Other')], max_length=20, verbose_name='industry')),
                ('valid_from', models.DateTimeField(verbose_name='valid from')),
                ('valid_to', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='source or reason')),
                ('division', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='tenancy.division', verbose_name='division')),
                ('facility', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='enterprises.facility', verbose_name='facility')),
            ],
            options={
                'verbose_name': 'rule parameter',
                'verbose_name_plural': 'rule parameters',
            },
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['rule', 'subject_key', '-latest_ended_at'], name='alerts_by_subject'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['county', 'status', '-detected_at'], name='alerts_by_county'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['enterprise', '-first_started_at'], name='alerts_by_enterprise'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('latest_ended_at__gte', models.F('first_started_at'))), name='alerts_alert_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('level__gte', 1), ('level__lte', 3)), name='alerts_alert_level_known'),
        ),
        migrations.AddIndex(
            model_name='alertlog',
            index=models.Index(fields=['alert', 'at'], name='alerts_log_of_alert'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('state__in', ['QUEUED', 'RETRY', 'UNKNOWN', 'IN_FLIGHT'])), fields=['due_at'], name='alerts_notification_due'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(fields=['-created_at'], name='alerts_notification_newest'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'SENT'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='alerts_notification_sent_has_time'),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'IN_FLIGHT'), _negated=True), ('lease_until__isnull', False), _connector='OR'), name='alerts_notification_in_flight_has_lease'),
        ),
        migrations.AddIndex(
            model_name='occurrence',
            index=models.Index(fields=['enterprise', 'ended_at'], name='alerts_occurrence_window'),
        ),
        migrations.AddConstraint(
            model_name='occurrence',
            constraint=models.UniqueConstraint(fields=('rule', 'subject_key', 'started_at'), name='alerts_occurrence_starts_once'),
        ),
        migrations.AddConstraint(
            model_name='occurrence',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at__gte', models.F('started_at'))), name='alerts_occurrence_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='occurrence',
            constraint=models.CheckConstraint(condition=models.Q(('alert__isnull', False), ('state', 'SUPPRESSED'), _connector='OR'), name='alerts_occurrence_alert_unless_suppressed'),
        ),
        migrations.AddConstraint(
            model_name='ruleparameter',
            constraint=models.UniqueConstraint(fields=('key', 'division', 'industry', 'facility', 'valid_from'), name='alerts_parameter_dated_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='ruleparameter',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gt', models.F('valid_from')), _connector='OR'), name='alerts_parameter_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='ruleparameter',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('division__isnull', True), ('industry', '')), models.Q(('division__isnull', True), ('facility__isnull', True)), models.Q(('facility__isnull', True), ('industry', '')), _connector='OR'), name='alerts_parameter_one_scope'),
        ),
    ]
