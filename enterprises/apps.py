from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EnterprisesConfig(AppConfig):
    name = "enterprises"
    verbose_name = _("Enterprises")

    def ready(self) -> None:
        """Say which records can carry files."""
        from enterprises import models, subjects

        def rows(model: type) -> subjects.Rows:
            return model.objects.all  # type: ignore[attr-defined]

        own = {"enterprise": "enterprise"}
        on_site = {"enterprise": "site__enterprise", "site": "site"}
        subjects.register("site", rows(models.Site), **own, site="pk")
        subjects.register("line", rows(models.ProductionLine), **on_site)
        subjects.register("facility", rows(models.Facility), **on_site)
        subjects.register("pairing", rows(models.Pairing), **on_site)
        subjects.register("survey", rows(models.SurveySheet), **own)
        subjects.register("acceptance", rows(models.AcceptanceSheet), **own)
