import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenancy', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ProductionLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='position')),
            ],
            options={
                'verbose_name': 'production line',
                'verbose_name_plural': 'production lines',
            },
        ),
        migrations.CreateModel(
            name='Enterprise',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('code', models.CharField(max_length=40, unique=True, verbose_name='internal number')),
                ('credit_code', models.CharField(blank=True, max_length=18, verbose_name='unified social credit code')),
                ('industry', models.CharField(choices=[('COKING', 'Coking'), ('STEEL', 'Steel'), ('COAL_WASHING', 'Coal washing'), ('FOUNDRY', 'Foundry'), ('BRICK', 'Bricks and tiles'), ('CEMENT', 'Cement and grinding'), ('LIME', 'Lime'), ('REFRACTORY', 'Refractories'), ('STONE', 'Stone crushing'), ('CONCRETE', 'Concrete'), ('COATING', 'Coating and furniture'), ('CHEMICAL', 'Chemicals'), ('FEED', 'Feed milling'), ('ELECTRONICS', 'Electronics'), ('MACHINERY', 'Machinery'), ('OTHER', 'Other')], max_length=20, verbose_name='industry')),
                ('address', models.CharField(blank=True, max_length=200, verbose_name='address')),
                ('is_key', models.BooleanField(default=False, verbose_name='key enterprise')),
                ('performance_grade', models.CharField(blank=True, max_length=10, verbose_name='performance grade')),
                ('installation_status', models.CharField(choices=[('NOT_REQUIRED', 'Not required'), ('REQUIRED', 'Required'), ('SURVEYED', 'Surveyed'), ('INSTALLING', 'Installing'), ('CONNECTED', 'Connected'), ('ACCEPTED', 'Accepted'), ('EXEMPT', 'Exempt'), ('DISMANTLED', 'Dismantled')], default='REQUIRED', max_length=20, verbose_name='installation status')),
                ('county', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenancy.division', verbose_name='county')),
            ],
            options={
                'verbose_name': 'enterprise',
                'verbose_name_plural': 'enterprises',
            },
        ),
        migrations.CreateModel(
            name='Facility',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40, verbose_name='code')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('kind', models.CharField(choices=[('PRODUCTION', 'Production facility'), ('CONTROL', 'Control facility'), ('COMBINED', 'Production with built-in control'), ('AUXILIARY', 'Auxiliary'), ('MAIN', 'Main meter')], max_length=12, verbose_name='kind')),
                ('process_step', models.CharField(blank=True, max_length=60, verbose_name='process step')),
                ('load_class', models.CharField(choices=[('FIXED', 'Fixed speed'), ('VFD', 'Variable speed with idle'), ('FURNACE', 'Induction furnace'), ('CYCLIC', 'Cyclic machine'), ('TRICKLE', 'Trickle load under 10 kW'), ('HEATER', 'Precipitator or heater'), ('MAIN', 'Main meter')], default='FIXED', max_length=10, verbose_name='load class')),
                ('rated_kw', models.FloatField(validators=[django.core.validators.MinValueValidator(0.0)], verbose_name='rated power (kW)')),
                ('nominal_voltage_v', models.FloatField(default=220.0, verbose_name='nominal phase voltage (V)')),
                ('keep_warm_kw', models.FloatField(blank=True, null=True, verbose_name='keep-warm power (kW)')),
                ('duty_group', models.CharField(blank=True, max_length=40, verbose_name='duty/standby group')),
                ('is_safety_critical', models.BooleanField(default=False, verbose_name='safety-critical, never ordered off')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='position')),
                ('line', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='facilities', to='enterprises.productionline', verbose_name='production line')),
            ],
            options={
                'verbose_name': 'facility',
                'verbose_name_plural': 'facilities',
            },
        ),
        migrations.CreateModel(
            name='Site',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('address', models.CharField(blank=True, max_length=200, verbose_name='address')),
                ('longitude', models.FloatField(blank=True, null=True, verbose_name='longitude')),
                ('latitude', models.FloatField(blank=True, null=True, verbose_name='latitude')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sites', to='enterprises.enterprise', verbose_name='enterprise')),
            ],
            options={
                'verbose_name': 'site',
                'verbose_name_plural': 'sites',
            },
        ),
        migrations.AddField(
            model_name='productionline',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='enterprises.site', verbose_name='site'),
        ),
        migrations.CreateModel(
            name='Pairing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(max_length=60, verbose_name='stage')),
                ('mode', models.CharField(choices=[('ANY', 'Any'), ('ALL', 'All'), ('AT_LEAST', 'At least')], default='ANY', max_length=10, verbose_name='mode')),
                ('at_least', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name='at least')),
                ('lead_s', models.PositiveIntegerField(blank=True, null=True, verbose_name='lead (s)')),
                ('lag_s', models.PositiveIntegerField(blank=True, null=True, verbose_name='lag (s)')),
                ('valid_from', models.DateTimeField(verbose_name='valid from')),
                ('valid_to', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('controls', models.ManyToManyField(related_name='pairings_as_control', to='enterprises.facility', verbose_name='control facilities')),
                ('productions', models.ManyToManyField(related_name='pairings_as_production', to='enterprises.facility', verbose_name='production facilities')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pairings', to='enterprises.site', verbose_name='site')),
            ],
            options={
                'verbose_name': 'pairing',
                'verbose_name_plural': 'pairings',
            },
        ),
        migrations.AddField(
            model_name='facility',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='facilities', to='enterprises.site', verbose_name='site'),
        ),
        migrations.CreateModel(
            name='Threshold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateTimeField(verbose_name='valid from')),
                ('off_below_kw', models.FloatField(verbose_name='off below (kW)')),
                ('on_from_kw', models.FloatField(verbose_name='on from (kW)')),
                ('reference_kw', models.FloatField(blank=True, null=True, verbose_name='reference load (kW)')),
                ('source', models.CharField(choices=[('COMMISSIONING', 'Commissioning test'), ('LEARNED', 'Learned from clean days'), ('RATED', 'From rated power')], max_length=15, verbose_name='source')),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('facility', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='thresholds', to='enterprises.facility', verbose_name='facility')),
            ],
            options={
                'verbose_name': 'on/off threshold',
                'verbose_name_plural': 'on/off thresholds',
            },
        ),
        migrations.AddIndex(
            model_name='enterprise',
            index=models.Index(fields=['county', 'installation_status'], name='enterprises_by_county'),
        ),
        migrations.AddConstraint(
            model_name='site',
            constraint=models.UniqueConstraint(fields=('enterprise', 'name'), name='enterprises_site_name_once'),
        ),
        migrations.AddConstraint(
            model_name='pairing',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gt', models.F('valid_from')), _connector='OR'), name='enterprises_pairing_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='pairing',
            constraint=models.CheckConstraint(condition=models.Q(('at_least__gte', 1)), name='enterprises_pairing_at_least_one'),
        ),
        migrations.AddConstraint(
            model_name='facility',
            constraint=models.UniqueConstraint(fields=('site', 'code'), name='enterprises_facility_code_once'),
        ),
        migrations.AddConstraint(
            model_name='threshold',
            constraint=models.UniqueConstraint(fields=('facility', 'valid_from'), name='enterprises_threshold_dated_once'),
        ),
        migrations.AddConstraint(
            model_name='threshold',
            constraint=models.CheckConstraint(condition=models.Q(('off_below_kw__gte', 0), ('on_from_kw__gt', models.F('off_below_kw'))), name='enterprises_threshold_ordered'),
        ),
    ]
