"""The defaults of the domain reference as dated rows, so that a bureau sees and changes them."""

from datetime import UTC, datetime

from django.db import migrations

VALID_FROM = datetime(2018, 12, 31, 16, tzinfo=UTC)  # 2019-01-01 in Shanghai
DEFAULTS = [
    ("r01_minutes", 10.0, "domain 8, A"),
    ("r01_level", 1.0, "domain 8, A"),
    ("lead_s", 300.0, "domain 16, A"),
    ("lag_s", 600.0, "domain 16, A"),
    ("offline_minutes_yellow", 15.0, "domain 8, A"),
    ("offline_minutes_orange", 60.0, "domain 8, A"),
    ("offline_minutes_red", 240.0, "domain 8, A"),
    ("r12_minutes", 5.0, "domain 8, A"),
    ("r12_level", 3.0, "domain 8"),
    ("r12_points", 2.0, "domain 7(5), A"),
    ("group_hours", 8.0, "domain 8, S:C1"),
    ("recovery_minutes", 30.0, "domain 8, A"),
    ("declaration_report_hours", 12.0, "domain 8, S:L12 art. 8 by analogy"),
    ("state_min_duration_min", 3.0, "domain 7(2), A"),
    ("state_min_intervals", 2.0, "domain 7(2), A"),
    ("stale_intervals", 3.0, "domain 7(3), A"),
    ("stale_floor_min", 5.0, "domain 7(3), A"),
    ("hysteresis_pct", 5.0, "domain 7(2), A"),
    ("power_cut_pct", 10.0, "domain 7(5), A"),
    ("reference_pct", 70.0, "domain 7(1), A"),
]


def seed(apps, schema_editor):
    RuleParameter = apps.get_model("alerts", "RuleParameter")
    for key, value, source in DEFAULTS:
        RuleParameter.objects.get_or_create(
            key=key,
            division=None,
            industry="",
            facility=None,
            valid_from=VALID_FROM,
            defaults={"value": value, "note": source},
        )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0002_alert_number")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
