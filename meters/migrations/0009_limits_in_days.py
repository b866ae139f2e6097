"""Three limits were renamed from hours by the clock to working days; rows of the old names follow.

24 hours become one working day, begun days whole. Rows of an old name have been without effect
since the renaming: where a row of the new name stands for the same scope and start, it wins.
"""

import math

from django.db import migrations

RENAMED = {
    "calibration_hours": "calibration_days",
    "installation_hours": "installation_days",
    "inspection_hours": "inspection_days",
}
HOURS = 24


def to_days(apps, schema_editor):
    limits = apps.get_model("meters", "MeteringLimit").objects
    for row in limits.filter(key__in=RENAMED).order_by("pk"):
        key = RENAMED[row.key]
        if limits.filter(key=key, division=row.division, valid_from=row.valid_from).exists():
            row.delete()
            continue
        row.key, row.value = key, float(math.ceil(row.value / HOURS))
        row.save(update_fields=["key", "value"])


class Migration(migrations.Migration):
    dependencies = [("meters", "0008_meters_by_serial")]

    operations = [migrations.RunPython(to_days, migrations.RunPython.noop)]
