import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('enterprises', '0001_initial'),
        ('tenancy', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('province_viewer', 'Provincial department'), ('city_admin', 'City bureau administrator'), ('city_air_office', 'City air office'), ('city_enforcer', 'City enforcement team'), ('county_branch', 'County branch'), ('county_air_office', 'County air office'), ('enterprise_officer', 'Enterprise environmental officer'), ('enterprise_rep', 'Enterprise legal representative'), ('operator', 'Operator-maintainer')], max_length=30, verbose_name='role')),
                ('starts_at', models.DateTimeField(verbose_name='from')),
                ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('division', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='tenancy.division', verbose_name='division')),
                ('enterprise', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='enterprises.enterprise', verbose_name='enterprise')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'grant',
                'verbose_name_plural': 'grants',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('division__isnull', False), ('enterprise__isnull', True)), models.Q(('division__isnull', True), ('enterprise__isnull', False)), _connector='OR'), name='tenancy_grant_one_scope'), models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='tenancy_grant_ends_after_start')],
            },
        ),
    ]
