from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MetersConfig(AppConfig):
    name = "meters"
    verbose_name = _("Metering")

    def ready(self) -> None:
        """Say which records can carry files, and by which numbers an enterprise is found."""
        from enterprises import search, subjects
        from meters import models, queries

        def rows(model: type) -> subjects.Rows:
            return model.objects.all  # type: ignore[attr-defined]

        for word, model, path in (
            ("collector", models.Collector, "site"),
            ("point", models.MonitoringPoint, "collector__site"),
            ("meter", models.Meter, "point__collector__site"),
            ("work_order", models.WorkOrder, "site"),
        ):
            subjects.register(word, rows(model), enterprise=f"{path}__enterprise", site=path)
        search.add_numbers("devices", queries.find_enterprises_by_number)
