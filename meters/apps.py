from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MetersConfig(AppConfig):
    name = "meters"
    verbose_name = _("Metering")

    def ready(self) -> None:
        """Say which records can carry files."""
        from enterprises import subjects
        from meters import models

        def rows(model: type) -> subjects.Rows:
            return model.objects.all  # type: ignore[attr-defined]

        for word, model, path in (
            ("collector", models.Collector, "site"),
            ("point", models.MonitoringPoint, "collector__site"),
            ("meter", models.Meter, "point__collector__site"),
            ("work_order", models.WorkOrder, "site"),
        ):
            subjects.register(word, rows(model), enterprise=f"{path}__enterprise", site=path)
