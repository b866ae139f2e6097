"""The sequence behind alert numbers: unique whoever opens alerts at the same moment."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE alerts_alert_number_seq", "DROP SEQUENCE alerts_alert_number_seq"
        ),
    ]
