"""Tabs over the pages of an enterprise."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.translation import gettext as _

from enterprises.models import Enterprise
from tenancy.access import Permission, has_permission
from tenancy.eyes import get_eyes

register = template.Library()

#: Who may open a page, beside the enterprise's own people.
_INSTALLATION = (Permission.SEE_PROGRAMME, Permission.INSTALL, Permission.SURVEY)
_ACCEPTANCE = (Permission.SEE_PROGRAMME, Permission.INSTALL, Permission.ACCEPT_INSTALLATION)


@register.inclusion_tag("components/tabs.html", takes_context=True)
def enterprise_tabs(context: Context, enterprise: Enterprise, active: str) -> dict[str, Any]:
    """Show the tabs over an enterprise's pages that this reader may open; no query of its own."""
    request = context["request"]
    eyes = get_eyes(request)
    own = enterprise.pk in eyes.enterprise_ids

    def may(*permissions: Permission) -> bool:
        return own or any(
            has_permission(request.user, permission, enterprise=enterprise)
            for permission in permissions
        )

    entries = [
        # An operator looks after devices and has no page with the picture.
        ("picture", "enterprise", _("Live picture"), eyes.is_authority or own),
        ("file", "enterprise_file", _("Enterprise file"), True),
        ("installation", "enterprise_installation", _("Installation"), may(*_INSTALLATION)),
        ("acceptance", "acceptance", _("Acceptance"), may(*_ACCEPTANCE)),
    ]
    tabs = [
        {"label": label, "url": reverse(name, args=[enterprise.pk]), "active": key == active}
        for key, name, label, shown in entries
        if shown
    ]
    orders = f"{reverse('work_orders')}?enterprise={enterprise.pk}"
    tabs.append({"label": _("Work orders"), "url": orders, "active": active == "work_orders"})
    return {"tabs": tabs, "label": _("Pages of this enterprise")}
