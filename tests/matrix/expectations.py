"""What each route must answer to whom. A route that is missing here fails the matrix.

A ``Route`` says which object its address names, with which permission each verb is answered, and
how an operator, who is assigned single sites, reaches it. From that and from who sees what
(``world.SEES``) follows the answer to every role at every place:

    nobody signed in, or a disabled account   the sign-in page (401 on the API)
    the object is outside the person's scope  404
    inside, without the right                 403
    else                                      anything but these and no server error
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.models import Alert
from enterprises.models import Enterprise, Facility
from tenancy.access import AUTHORITY_ROLES, ROLE_PERMISSIONS, Permission
from tenancy.models import Role
from tests.matrix.world import Plant, World

P = Permission
Rule = Callable[[str], bool]


def anyone(role: str) -> bool:
    """Allow every signed-in person."""
    return True


def nobody(role: str) -> bool:
    return False


def officials(role: str) -> bool:
    return role in AUTHORITY_ROLES


def holding(*permissions: Permission) -> Rule:
    """Allow the roles that hold one of the permissions."""

    def allowed(role: str) -> bool:
        return any(permission in ROLE_PERMISSIONS[role] for permission in permissions)

    return allowed


def roles(*allowed_roles: Role) -> Rule:
    return lambda role: role in allowed_roles


@dataclass(frozen=True, slots=True)
class Route:
    """The expectation of one route.

    verbs: verb -> who is answered; a verb that is not named must be answered 405 to all who may
        open another one. HEAD goes with GET, OPTIONS is never a leak.
    at: the plant -> the arguments of the address; None where the address names no enterprise's row.
    fixed: the world -> the arguments of an address that names something else.
    operator: whether an operator's assigned site opens the object.
    public: answered without signing in.
    """

    verbs: Mapping[str, Rule]
    at: Callable[[Plant], Mapping[str, Any]] | None = None
    fixed: Callable[[World], Mapping[str, Any]] | None = None
    operator: bool = True
    public: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)  # of POST


def get(rule: Rule = anyone, **options: Any) -> Route:
    return Route({"GET": rule}, **options)


def post(rule: Rule = anyone, **options: Any) -> Route:
    return Route({"POST": rule}, **options)


def form(rule: Rule = anyone, **options: Any) -> Route:
    """Expect a page with a form on it: the same people read and send it."""
    return Route({"GET": rule, "POST": rule}, **options)


def of_enterprise(plant: Plant) -> Mapping[str, Any]:
    return {"pk": plant[Enterprise].pk}


def of(model: type[Any], argument: str = "pk", attribute: str = "pk") -> Callable[[Plant], Any]:
    """Return the arguments that name the plant's row of a model."""
    return lambda plant: {argument: getattr(plant[model], attribute)}


_alert = of(Alert, "number", "number")

ROUTES: dict[str, Route] = {
    # the portal
    "home": get(),
    "favicon.ico": get(public=True),
    "city": get(officials),
    "city_live": get(officials),
    "enterprises": get(),
    "enterprise": get(at=of_enterprise),
    "enterprise_live": get(at=of_enterprise),
    "facility_power": get(at=of(Facility)),
    "alerts": get(),
    "alert": get(at=_alert, operator=False),
    "alert_live": get(at=_alert, operator=False),
    "alert_act": post(
        holding(P.HANDLE_ALERTS),
        at=_alert,
        operator=False,
        data={"act": "acknowledge"},
    ),
    "alert_short": get(at=_alert, operator=False),
    "a/<str:number>/": get(at=_alert, operator=False),
    "intake": get(holding(P.SEE_INTAKE)),
    "messages": get(),
    # signing in
    "login": Route({"GET": anyone, "POST": anyone}, public=True),
    "logout": post(public=True),
    "password_change": form(),
    "password_change_done": get(),
    "password_reset": form(public=True),
    "password_reset_done": get(public=True),
    "password_reset_confirm": get(public=True, fixed=lambda world: {"uidb64": "x", "token": "y"}),
    "password_reset_complete": get(public=True),
    "set_language": post(public=True),
}
