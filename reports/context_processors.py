"""What the frame around every page needs."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from reports.maps import get_map
from tenancy.access import Permission
from tenancy.eyes import Eyes, get_eyes
from tenancy.models import Role

#: Whoever holds one of these finds something in the administration. Auditors have their page.
ADMINISTRATORS = (
    Permission.ADMINISTER,
    Permission.ADMINISTER_SYSTEM,
    Permission.MANAGE_GRANTS,
)

#: Pages whose rows can be narrowed to one county by ``?county=``.
NARROWED = frozenset({"city", "alerts", "enterprises", "installation", "installation_list"})

#: Pages of the enterprise file, and of bringing many in.
FILE = ("enterprise_file", "file_act", "file_act_on", "enterprise_new", "imports", "import")

#: Pages of the programme beside its first.
PROGRAMME = (
    "installation_list",
    "installation_batches",
    "installation_batch_new",
    "installation_batch",
    "enterprise_installation",
    "enterprise_survey",
    "acceptance",
    "acceptance_sheet",
)


def frame(request: HttpRequest) -> dict[str, object]:
    """Return the rail's entries, whose eyes these are and the county that narrows the page."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {"navigation": [], "whose_eyes": "", "scope_chip": None}
    eyes = get_eyes(request)
    match = request.resolver_match
    here = match.url_name if match else ""
    return {
        "navigation": _navigation(
            eyes, here or "", staff=any(eyes.may(one) for one in ADMINISTRATORS)
        ),
        "whose_eyes": eyes.label,
        "scope_chip": _scope_chip(request, eyes, here or ""),
        "people_url": reverse("people") if _manages_people(eyes) else "",
        "search_url": reverse("enterprises") if eyes.is_authority else "",
        "search_query": request.GET.get("q", "") if here == "enterprises" else "",
    }


def _manages_people(eyes: Eyes) -> bool:
    return eyes.may(Permission.MANAGE_GRANTS) or eyes.may(Permission.MANAGE_ENTERPRISE_PEOPLE)


def _navigation(eyes: Eyes, here: str, *, staff: bool) -> list[dict[str, object]]:
    def entry(
        name: str,
        icon: str,
        label: str,
        *active: str,
        phone: bool = True,
        args: tuple[object, ...] = (),
    ) -> dict[str, object]:
        return {
            "url": reverse(name, args=args),
            "icon": icon,
            "label": label,
            "active": here in (name, *active),
            "phone": phone,
        }

    entries: list[dict[str, object]] = []
    if eyes.is_authority:
        entries += [
            entry("city", "overview", _("Overview")),
            entry("alerts", "alert", _("Alerts"), "alert"),
            entry("enterprises", "enterprise", _("Enterprises"), "enterprise", *FILE),
        ]
        if eyes.may(Permission.SEE_PROGRAMME):
            # A phone's bar holds four: where messages fill it, the account's menu leads there.
            entries.append(
                entry(
                    "installation",
                    "device",
                    _("Installation"),
                    *PROGRAMME,
                    phone=not eyes.may(Permission.SEE_MESSAGES),
                )
            )
    elif eyes.enterprise_ids:
        own = eyes.enterprise_ids[0]
        entries += [
            entry("enterprise", "enterprise", _("My enterprise"), args=(own,)),
            entry("alerts", "alert", _("Alerts"), "alert"),
            entry("enterprise_installation", "device", _("Installation"), args=(own,)),
        ]
    if eyes.may(Permission.SEE_AUDIT):
        entries.append(entry("audit", "evidence", _("Audit log"), "audit_entry"))
    if eyes.may(Permission.DO_WORK_ORDERS):
        entries += [
            entry("work", "repair", _("My work")),
            entry("work_orders", "list", _("Work orders"), "work_order", "work_order_new"),
            entry("alerts", "alert", _("Device alerts"), "alert"),
            entry("enterprises", "enterprise", _("Enterprises"), "enterprise", *FILE, *PROGRAMME),
        ]
    elif eyes.enterprise_ids and not eyes.is_authority:
        entries.append(
            entry("work_orders", "repair", _("Work orders"), "work_order", "work_order_new")
        )
    elif eyes.may(Permission.OPEN_WORK_ORDERS) and not staff:
        # An administrator's rail is full: the page of the programme leads there.
        entries.append(
            entry(
                "work_orders",
                "repair",
                _("Work orders"),
                "work_order",
                "work_order_new",
                phone=False,
            )
        )
    if eyes.role == Role.SECURITY_ADMIN:
        entries += [
            entry("people", "user", _("People"), "person", "person_new", "grant_give"),
            entry("companies", "repair", _("Operator companies"), "company", "company_new"),
        ]
    if eyes.may(Permission.SEE_MESSAGES):
        entries.append(entry("messages", "message", _("Messages")))
    if eyes.may(Permission.SEE_INTAKE):
        entries.append(entry("intake", "online", _("Intake"), phone=False))
    if staff:
        entries.append(entry("admin:index", "admin", _("Admin"), phone=False))
    return entries


def _scope_chip(request: HttpRequest, eyes: Eyes, here: str) -> dict[str, object] | None:
    if not eyes.sees_many_counties or here not in NARROWED:
        return None
    city = get_map(eyes.division_path)
    if city is None:
        return None
    chosen = request.GET.get("county", "")

    def url(code: str) -> str:
        params = request.GET.copy()
        params.pop("page", None)
        params.pop("county", None)
        if code:
            params["county"] = code
        query = params.urlencode()
        return f"{request.path}?{query}" if query else request.path

    options = [{"label": _("All counties"), "url": url(""), "active": not chosen}]
    options += [
        {"label": county.name, "url": url(county.code), "active": county.code == chosen}
        for county in city.counties
    ]
    label = next((o["label"] for o in options if o["active"]), _("All counties"))
    return {"label": label, "options": options}
