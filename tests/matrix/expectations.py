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
from enterprises.models import (
    AcceptanceSheet,
    Attachment,
    Enterprise,
    Facility,
    ImportJob,
    Installation,
    InstallationBatch,
    Pairing,
    ProductionLine,
    Site,
    Threshold,
)
from meters.models import Collector, Meter, MonitoringPoint, WorkOrder
from orders.models import Declaration
from tenancy.access import AUTHORITY_ROLES, ROLE_PERMISSIONS, Permission
from tenancy.models import (
    ApiToken,
    AuditEntry,
    Division,
    Grant,
    OperatorCompany,
    Role,
    SavedFilter,
    SiteAssignment,
    User,
)
from tests.matrix.world import SEES, Place, Plant, World

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
    gate: who does not pass it is told so (403) before the object is looked up.
    finder: who finds the fixed object, which is somebody's own; 404 to everybody else.
    query: the plant -> the query string, where that names the object.
    sees: role -> the places whose object it sees, where that is not ``world.SEES``.
    absent: there is nothing here: 404 to everybody.
    """

    verbs: Mapping[str, Rule]
    at: Callable[[Plant], Mapping[str, Any]] | None = None
    fixed: Callable[[World], Mapping[str, Any]] | None = None
    operator: bool = True
    public: bool = False
    gate: Rule | None = None
    finder: Rule | None = None
    query: Callable[[Plant], str] | None = None
    sees: Mapping[str, tuple[Place, ...]] | None = None
    absent: bool = False
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


def sees(route: Route, role: Role, place: Place) -> bool:
    """Tell whether the role finds the place's object of the route."""
    if route.sees is not None:
        return place in route.sees[role]
    return place in SEES[role] and (route.operator or role != Role.OPERATOR)


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
    "enterprise_file": get(at=of_enterprise),
    "enterprise_new": form(holding(P.ADMINISTER)),
    "file_act": form(
        holding(P.EDIT_FILE),
        at=lambda plant: of_enterprise(plant) | {"act": "edit-enterprise"},
    ),
    "file_act_on": form(
        holding(P.EDIT_FILE),
        at=lambda plant: (
            of_enterprise(plant) | {"act": "edit-facility", "subject": plant[Facility].pk}
        ),
    ),
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
    "set_language": post(public=True),
}

# --- the own account, people and grants ---

#: Who looks after accounts: the security administrator after all of the city, the city
#: administrator after those of enterprises and operators.
MANAGERS = holding(P.MANAGE_GRANTS, P.MANAGE_ENTERPRISE_PEOPLE)
_CITY = tuple(Place)[:3]
_NONE: dict[str, tuple[Place, ...]] = dict.fromkeys(Role, ())
#: Accounts, grants and companies of the city; the security administrator sees no more than names.
_OUTER = _NONE | {Role.CITY_ADMIN: _CITY, Role.SECURITY_ADMIN: _CITY}


def managed(
    make: Callable[..., Route], model: type[Any], *, sees: Any = _OUTER, **options: Any
) -> Route:
    """Expect an account, a grant or a company that only its managers find."""
    return make(MANAGERS, at=of(model), gate=MANAGERS, sees=sees, **options)


ROUTES |= {
    "second_step": form(public=True),
    "admin/login/": get(public=True),
    "admin/password_change/": get(),
    "account": get(),
    "account_password": form(),
    "account_second_factor": form(),
    "account_recovery_codes": post(),
    "account_second_factor_remove": post(),
    "account_sessions": get(),
    "account_session_end": post(data={"others": "1"}),
    "account_proof": form(),
    "api_tokens": form(holding(P.USE_API)),
    # Another's token is not there for anybody, whoever it is.
    "api_token_revoke": Route(
        {"POST": anyone}, fixed=lambda world: {"pk": world.rows[ApiToken].pk}, absent=True
    ),
    "people": get(MANAGERS, sees=_OUTER),
    "person": managed(get, User),
    "person_new": form(MANAGERS, sees=_OUTER),
    "person_act": managed(post, User, data={"act": "unlock"}),
    "grant_give": managed(form, User),
    "grant_end": managed(post, Grant),
    "companies": get(MANAGERS, sees=_OUTER),
    "company": managed(get, OperatorCompany, sees=_OUTER),
    "company_new": form(MANAGERS),
    "assignment_new": managed(post, OperatorCompany, sees=_OUTER),
    "assignment_end": managed(post, SiteAssignment),
}

# --- files, the programme ---

#: Who follows an enterprise's installation: the programme's officials, and its own people.
OWN_PEOPLE = roles(Role.ENTERPRISE_OFFICER, Role.ENTERPRISE_REP)
PROGRAMME: Rule = lambda role: (  # noqa: E731
    OWN_PEOPLE(role) or holding(P.SEE_PROGRAMME, P.SURVEY, P.INSTALL)(role)
)

ROUTES |= {
    "attach": post(holding(P.ATTACH), at=of_enterprise),
    "attachment": get(at=of(Attachment, "key", "key")),
    # The enterprise and the operator withdraw what they brought themselves; this the clerk brought.
    "attachment_withdraw": post(
        lambda role: officials(role) and holding(P.ATTACH)(role), at=of(Attachment, "key", "key")
    ),
    "installation": get(holding(P.SEE_PROGRAMME)),
    "installation_list": get(holding(P.SEE_PROGRAMME)),
    "installation_batches": get(holding(P.SEE_PROGRAMME)),
    "installation_batch": get(holding(P.SEE_PROGRAMME), at=of(InstallationBatch)),
    "installation_batch_new": form(holding(P.MANAGE_PROGRAMME)),
    "installation_batch_act": post(holding(P.MANAGE_PROGRAMME), at=of(InstallationBatch)),
    "enterprise_installation": get(PROGRAMME, at=of_enterprise),
    "enterprise_installation_act": post(PROGRAMME, at=of_enterprise),
    "enterprise_survey": form(holding(P.SURVEY), at=of_enterprise),
}

IMPORTERS = holding(P.IMPORT)


def own(make: Callable[..., Route], model: type[Any], rule: Rule = anyone) -> Route:
    """Expect a row of the city administrator's own, which nobody else finds."""
    return make(
        rule,
        fixed=lambda world: {"pk": world.rows[model].pk},
        finder=roles(Role.CITY_ADMIN),
    )


ROUTES |= {
    "imports": form(IMPORTERS),
    "import_template": get(IMPORTERS),
    "import": own(get, ImportJob, IMPORTERS),
    "import_live": own(get, ImportJob, IMPORTERS),
    "import_errors": own(get, ImportJob, IMPORTERS),
    "import_write": own(post, ImportJob, IMPORTERS),
    "filter_save": post(data={"page": "enterprises", "name": "new", "query": ""}),
    "filter_delete": own(post, SavedFilter),
    "enterprises_export": get(holding(P.EXPORT), fixed=lambda world: {"kind": "xlsx"}),
    "alerts_export": get(holding(P.EXPORT), fixed=lambda world: {"kind": "csv"}),
    "installation_export": get(
        lambda role: holding(P.EXPORT)(role) and holding(P.SEE_PROGRAMME)(role)
    ),
}

# --- acceptance and work orders ---

CHECKS: Rule = lambda role: (  # noqa: E731
    OWN_PEOPLE(role) or holding(P.SEE_PROGRAMME, P.INSTALL, P.ACCEPT_INSTALLATION)(role)
)

ROUTES |= {
    "acceptance": get(CHECKS, at=of_enterprise),
    "acceptance_sheet": get(
        CHECKS,
        at=lambda plant: {"pk": plant[Enterprise].pk, "sheet_pk": plant[AcceptanceSheet].pk},
    ),
    "acceptance_sign": post(
        holding(P.ACCEPT_INSTALLATION), at=of_enterprise, data={"act": "reject", "remark": "x"}
    ),
    "work": get(holding(P.DO_WORK_ORDERS)),
    "work_orders": get(),
    "work_order_new": form(
        holding(P.OPEN_WORK_ORDERS),
        at=lambda plant: {},
        query=lambda plant: f"site={plant[Site].pk}",
    ),
    "work_order": get(at=of(WorkOrder, "number", "number")),
    "work_order_act": post(
        holding(P.DO_WORK_ORDERS), at=of(WorkOrder, "number", "number"), data={"act": "accept"}
    ),
}

# --- the audit log ---

AUDITORS = holding(P.SEE_AUDIT)

ROUTES |= {
    # What an enterprise did or had done to it is the auditor's to see, of the own city.
    "audit": get(AUDITORS, sees=_NONE | {Role.AUDITOR: _CITY}),
    "audit_export": get(AUDITORS, sees=_NONE | {Role.AUDITOR: _CITY}),
    "audit_entry": get(
        AUDITORS,
        fixed=lambda world: {"pk": world.rows[AuditEntry].pk},
        gate=AUDITORS,
        sees=_NONE | {Role.AUDITOR: _CITY},
    ),
    "enterprise_looks": get(holding(P.SEE_LOOKS), at=of_enterprise),
}

# --- the API ---

USERS = holding(P.USE_API)


def api_row(model: type[Any], argument: str = "pk", *, operator: bool = True) -> Route:
    """Expect a detail, or a list below one."""
    return get(USERS, at=of(model, argument), operator=operator, gate=USERS)


def api_act(permission: Permission) -> Route:
    """Expect an act on an alert."""
    return Route(
        {"POST": lambda role: USERS(role) and holding(permission)(role)},
        at=of(Alert),
        operator=False,
        gate=USERS,
    )


_RESOURCES: dict[str, tuple[type[Any], bool]] = {
    "alert": (Alert, False),
    "attachment": (Attachment, True),
    "collector": (Collector, True),
    "declaration": (Declaration, False),
    "enterprise": (Enterprise, True),
    "facility": (Facility, True),
    "installation": (Installation, True),
    "line": (ProductionLine, True),
    "meter": (Meter, True),
    "pairing": (Pairing, True),
    "point": (MonitoringPoint, True),
    "site": (Site, True),
    "threshold": (Threshold, True),
    "work-order": (WorkOrder, True),
}
ROUTES |= {f"api:{name}-list": get(USERS) for name in _RESOURCES}
ROUTES |= {
    f"api:{name}-detail": api_row(model, operator=operator)
    for name, (model, operator) in _RESOURCES.items()
}
ROUTES |= {
    "api:alert-acknowledge": api_act(P.HANDLE_ALERTS),
    "api:alert-verify": api_act(P.HANDLE_ALERTS),
    "api:alert-accept-explanation": api_act(P.HANDLE_ALERTS),
    "api:alert-confirm": api_act(P.HANDLE_ALERTS),
    "api:alert-dismiss": api_act(P.HANDLE_ALERTS),
    "api:alert-close": api_act(P.HANDLE_ALERTS),
    "api:alert-explain": api_act(P.EXPLAIN_ALERTS),
    "api:alert-log-list": api_row(Alert, "parent", operator=False),
    "api:occurrence-list": api_row(Alert, "parent", operator=False),
    "api:reading-list": api_row(MonitoringPoint, "parent"),
    "api:segment-list": api_row(Facility, "parent"),
    "api:declaration-list": Route({"GET": USERS, "POST": USERS}),
    "api:division-list": get(USERS),
    "api:division-detail": get(USERS, fixed=lambda world: {"pk": world.rows[Division].pk}),
    "api:progress": get(lambda role: USERS(role) and holding(P.SEE_PROGRAMME)(role)),
    "api:me": get(USERS),
    "api:docs": get(public=True),
    "api:schema": get(public=True),
    "api:unknown": get(public=True, absent=True),
}
