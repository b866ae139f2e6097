"""Who is told of an alert, at which level and how.

``TELLING`` is the one table. Its rows carry a source and the day from which they apply, so that it
can move to the database as dated data without a change to its readers. The screen needs no row:
everybody whose scope covers the enterprise sees the alert there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from alerts.models import DEVICE_RULES, Alert, Channel, Level
from common.localtime import local_date
from tenancy.models import Grant, Role, SiteAssignment, User

CATALOGUE = "levels and messages of the rule catalogue"
ASSUMPTION = "assumption"

BOTH = (Channel.SMS, Channel.EMAIL)


@dataclass(frozen=True, slots=True)
class Telling:
    """At ``level`` holders of ``role`` whose grant covers the enterprise hear by ``channels``.

    Applies to what is queued on or after ``valid_from`` and before ``valid_to`` (local days).
    """

    level: Level
    role: Role
    channels: tuple[Channel, ...]
    source: str
    valid_from: date = date(2019, 1, 1)
    valid_to: date | None = None

    def applies(self, *, level: int, on: date) -> bool:
        begun = self.valid_from <= on
        return self.level == level and begun and (self.valid_to is None or on < self.valid_to)


TELLING: tuple[Telling, ...] = (
    # Red: everybody who must act within minutes, the city and the county at the same moment.
    Telling(Level.RED, Role.ENTERPRISE_OFFICER, BOTH, CATALOGUE),
    Telling(Level.RED, Role.ENTERPRISE_REP, BOTH, CATALOGUE),
    Telling(Level.RED, Role.COUNTY_BRANCH, BOTH, CATALOGUE),
    Telling(Level.RED, Role.CITY_ENFORCER, BOTH, CATALOGUE),
    # Orange: the catalogue names the city's inbox; that it is also mailed is our assumption.
    Telling(Level.ORANGE, Role.ENTERPRISE_OFFICER, BOTH, CATALOGUE),
    Telling(Level.ORANGE, Role.COUNTY_BRANCH, BOTH, CATALOGUE),
    Telling(Level.ORANGE, Role.CITY_ENFORCER, (Channel.EMAIL,), ASSUMPTION),
    # Yellow: who can mend it; the channel is our assumption. The county has the screen's digest.
    Telling(Level.YELLOW, Role.ENTERPRISE_OFFICER, (Channel.EMAIL,), ASSUMPTION),
    Telling(Level.YELLOW, Role.OPERATOR, (Channel.EMAIL,), ASSUMPTION),
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, in which role they are told, and the channels on which they can be reached."""

    user: User
    role: Role
    channels: tuple[Channel, ...]

    def address(self, channel: Channel) -> str:
        """Return where the channel reaches the person."""
        return get_address(self.user, channel)


def get_address(user: User, channel: Channel) -> str:
    """Return the person's mobile number or email address; empty where there is none."""
    return (user.phone if channel == Channel.SMS else user.email).strip()


def mask_address(address: str) -> str:
    """Return a mobile number as ``139****0001``, an email address as ``z***@example.org``."""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    if len(address) < 8:
        return "****"
    return f"{address[:-8]}****{address[-4:]}"


def get_recipients(alert: Alert, *, level: int, at: datetime) -> list[Recipient]:
    """Return who is told of the alert at a level, by the grants in force at an instant (aware).

    A person with several grants comes once, with the channels of all of them, under the role that
    stands first in the table. Who has no address for a channel is not told by it; who has none at
    all is left out. Ordered as the table is, so that city and county leave side by side. One query.
    """
    tellings = [row for row in TELLING if row.applies(level=level, on=local_date(at))]
    return _reachable(tellings, get_grants(alert, roles={row.role for row in tellings}, at=at))


def get_grants(alert: Alert, *, roles: Iterable[Role], at: datetime) -> list[Grant]:
    """Return the grants of these roles that cover the alert's enterprise and are in force.

    A grant covers it by naming the enterprise, or by naming a division whose subtree holds the
    alert's county. Operators look after devices: they hear of collectors and meters alone, by a
    grant for a company to which the collector's site is assigned at that instant, or for the
    enterprise. Inactive people are left out. Each grant comes with its user; one query.
    """
    codes = alert.county.path.rstrip("/").split("/")
    holding = ["/".join(codes[: depth + 1]) + "/" for depth in range(len(codes))]
    covers = Q(enterprise=alert.enterprise_id) | Q(division__path__in=holding)
    roles = set(roles)
    if alert.rule in DEVICE_RULES and alert.collector is not None:
        serving = SiteAssignment.objects.in_force(at).filter(site=alert.collector.site_id)
        covers |= Q(role=Role.OPERATOR, company__in=serving.values("company"))
    else:
        roles.discard(Role.OPERATOR)
    return list(
        Grant.objects.in_force(at)
        .filter(covers, role__in=roles, user__is_active=True)
        .select_related("user")
        .order_by("pk")
    )


def _reachable(tellings: list[Telling], grants: list[Grant]) -> list[Recipient]:
    users: dict[int, User] = {}
    roles: dict[int, Role] = {}
    wanted: dict[int, set[Channel]] = {}
    for row in tellings:
        for grant in grants:
            if grant.role == row.role:
                users.setdefault(grant.user_id, grant.user)
                roles.setdefault(grant.user_id, row.role)
                wanted.setdefault(grant.user_id, set()).update(row.channels)
    found = []
    for user_id, user in users.items():
        channels = tuple(c for c in BOTH if c in wanted[user_id] and get_address(user, c))
        if channels:
            found.append(Recipient(user=user, role=roles[user_id], channels=channels))
    return found
