"""The administration's navigation by task, not by the app that a table happens to stand in."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

#: Anchor, name, and the models ("app.model") in the order of the work.
GROUPS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    (
        "file",
        _("Enterprise file"),
        (
            "enterprises.enterprise",
            "enterprises.contact",
            "enterprises.site",
            "enterprises.productionline",
            "enterprises.linegrade",
            "enterprises.facility",
            "enterprises.threshold",
            "enterprises.pairing",
            "enterprises.attachment",
            "enterprises.importjob",
        ),
    ),
    (
        "devices",
        _("Devices"),
        (
            "meters.collector",
            "meters.collectordevice",
            "meters.monitoringpoint",
            "meters.meter",
            "meters.readingconflict",
            "meters.intakeissue",
        ),
    ),
    (
        "programme",
        _("Installation and maintenance"),
        (
            "enterprises.installationbatch",
            "enterprises.installation",
            "enterprises.installationlog",
            "enterprises.surveysheet",
            "enterprises.acceptancesheet",
            "tenancy.operatorcompany",
            "tenancy.siteassignment",
            "meters.workorder",
            "meters.workorderlog",
        ),
    ),
    (
        "alerts",
        _("Rules and alerts"),
        (
            "alerts.ruleparameter",
            "meters.meteringlimit",
            "orders.declaration",
            "alerts.alert",
            "alerts.occurrence",
            "alerts.alertlog",
            "alerts.notification",
        ),
    ),
    (
        "people",
        _("People and rights"),
        ("tenancy.user", "tenancy.grant", "tenancy.usersession", "tenancy.apitoken"),
    ),
    (
        "system",
        _("System"),
        ("tenancy.division", "meters.profile", "tenancy.auditentry"),
    ),
)

#: What the index counts: few enough that it stays quick.
COUNTED = frozenset(
    {
        "enterprises.enterprise",
        "enterprises.facility",
        "enterprises.pairing",
        "meters.collector",
        "meters.monitoringpoint",
        "meters.meter",
        "enterprises.installation",
        "meters.workorder",
        "tenancy.user",
        "tenancy.grant",
    }
)


def group(
    apps: list[dict[str, Any]], request: HttpRequest, site: AdminSite
) -> list[dict[str, Any]]:
    """Return what the person may open, by task group; what no group names stands under its app."""
    models = {
        f"{app['app_label']}.{model['model']._meta.model_name}": model
        for app in apps
        for model in app["models"]
    }
    for label, model in models.items():
        if label in COUNTED:
            own = site._registry[model["model"]]
            model["count"] = own.get_queryset(request).count  # the template calls it
    index = reverse("admin:index")
    groups = [
        {
            "name": name,
            "app_label": f"group-{anchor}",
            "app_url": f"{index}#{anchor}",
            "anchor": anchor,
            "has_module_perms": True,
            "models": [models.pop(label) for label in labels if label in models],
        }
        for anchor, name, labels in GROUPS
    ]
    left = [
        app | {"models": rest, "anchor": app["app_label"]}
        for app in apps
        if (rest := [model for model in app["models"] if model in models.values()])
    ]
    return [group for group in groups if group["models"]] + left
