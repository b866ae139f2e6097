"""The defaults of R18 and R19 as dated rows, so that a bureau sees and changes them."""

from datetime import UTC, datetime

from django.db import migrations

VALID_FROM = datetime(2018, 12, 31, 16, tzinfo=UTC)  # 2019-01-01 in Shanghai
DEFAULTS = [
    ("r18_notice_days", 30.0, "domain 8, A"),
    ("r18_level_notice", 3.0, "domain 8"),
    ("r18_level_expired", 3.0, "domain 8"),
    ("r19_days_yellow", 0.0, "domain 8, A"),
    ("r19_days_orange", 3.0, "domain 8, A"),
    ("r19_days_red", 7.0, "domain 8, A"),
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
    dependencies = [("alerts", "0004_calendar_rules")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
