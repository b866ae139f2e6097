"""The matrix would notice: every door that is taken away turns it red, or the wall behind it holds.

Two proofs. With row-level security out of the way each scope filter is removed in turn, and the
questions that pass through it must show something foreign. With all filters removed at once and
row-level security back in its place nothing foreign may show at all.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

import enterprises.batches
import reports.queries.audit
import tenancy.people
from enterprises.models import InstallationBatch
from enterprises.models.imports import ImportJobQuerySet
from tenancy import walls
from tenancy.models import AuditEntry, Grant, OperatorCompany, Role, User
from tenancy.scoping import ScopedQuerySet
from tests.matrix.expectations import ROUTES
from tests.matrix.matrix import ask, expected, fits, leaks, questions
from tests.matrix.routes import walk

pytestmark = pytest.mark.django_db

FOUND = [found for found in walk() if not found.is_admin and not ROUTES[found.name].public]
#: Each sees another part: a county, an enterprise, a site, a whole city, no enterprise at all.
WATCHERS = frozenset(
    {
        Role.COUNTY_BRANCH,
        Role.ENTERPRISE_OFFICER,
        Role.OPERATOR,
        Role.CITY_ADMIN,
        Role.AUDITOR,
        Role.SECURITY_ADMIN,
    }
)


def doors() -> list[type[ScopedQuerySet]]:
    found, waiting = [], list(ScopedQuerySet.__subclasses__())
    while waiting:
        door = waiting.pop()
        waiting += door.__subclasses__()
        found.append(door)
    # Querysets that ``from_queryset`` derives for a manager are the same door.
    return sorted(
        {door for door in found if "reach" in door.__dict__}, key=lambda door: door.__qualname__
    )


DOORS = doors()
#: Doors of what belongs to no enterprise: (module or class, name, what stands there without it).
OTHER_DOORS: dict[str, tuple[Any, str, Any]] = {
    "people": (tenancy.people, "people_for", lambda manager: User.objects.all()),
    "grants": (tenancy.people, "grants_for", lambda manager: Grant.objects.all()),
    "companies": (tenancy.people, "companies_for", lambda manager: OperatorCompany.objects.all()),
    "batches": (
        enterprises.batches,
        "visible_batches",
        lambda actor: InstallationBatch.objects.all(),
    ),
    "imports": (ImportJobQuerySet, "visible_to", lambda self, actor: self.all()),
    "audit": (
        reports.queries.audit,
        "get_visible_entries",
        lambda paths: AuditEntry.objects.all(),
    ),
}


@pytest.fixture
def no_walls(monkeypatch):
    """Let every request see all rows: only the filters of the code stand."""
    monkeypatch.setattr(
        walls, "enter", lambda user=None, *, audit=None: walls.enter_system("the walls are off")
    )


def asked(
    world, clients, names: frozenset[str] | None = None, *, verbs: tuple[str, ...] = ("GET", "POST")
) -> Iterator[str]:
    """Yield what is wrong with the answers to the watchers' questions."""
    for found in FOUND:
        route = ROUTES[found.name]
        if names is not None and found.name not in names:
            continue
        for verb, who, place, arguments in questions(world, found, route):
            if who not in WATCHERS or verb not in verbs:
                continue
            answer = ask(clients, found, route, verb, who, place, arguments)
            wanted = expected(route, verb, who, place)
            # Without a filter what was refused for its place is found, or shows in a list.
            if wanted == "404" and not fits(answer, wanted):
                yield f"{answer}, not {wanted}"
            elif shown := leaks(answer, world, route):
                yield f"{answer} shows {shown}"


@pytest.fixture(scope="module")
def passages(world, clients) -> dict[type[ScopedQuerySet], frozenset[str]]:
    """Return for each door the routes whose answers pass through it."""
    used: dict[type, set[str]] = defaultdict(set)
    here = {"name": ""}
    within = ScopedQuerySet.within

    def watched(self, scope):
        for door in DOORS:
            if isinstance(self, door):
                used[door].add(here["name"])
        return within(self, scope)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScopedQuerySet, "within", watched)
        for found in FOUND:
            here["name"] = found.name
            route = ROUTES[found.name]
            for verb, who, place, arguments in questions(world, found, route):
                if who in WATCHERS and (place is None or place == "own"):
                    ask(clients, found, route, verb, who, place, arguments)
    return {door: frozenset(names) for door, names in used.items()}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__qualname__)
def test_a_door_taken_away_is_noticed(door, world, clients, passages, no_walls, monkeypatch):
    names = passages.get(door)
    assert names, "no route passes through this door"
    monkeypatch.setattr(door, "within", lambda self, scope: self.all(), raising=False)
    assert next(asked(world, clients, names), None), f"not noticed on {sorted(names)}"


@pytest.mark.parametrize("name", OTHER_DOORS)
def test_another_door_taken_away_is_noticed(name, world, clients, no_walls, monkeypatch):
    owner, attribute, without = OTHER_DOORS[name]
    original = getattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, without)
    # Where it was imported by its name, it is taken away there as well.
    for module in list(sys.modules.values()):
        if getattr(module, attribute, None) is original:
            monkeypatch.setattr(module, attribute, without)
    assert next(asked(world, clients), None)


def test_with_the_walls_off_the_doors_alone_let_nothing_through(world, clients, no_walls):
    assert list(asked(world, clients, verbs=("GET",))) == []


def test_with_all_doors_taken_away_the_walls_let_nothing_through(world, clients, monkeypatch):
    for door in DOORS:
        monkeypatch.setattr(door, "within", lambda self, scope: self.all(), raising=False)
    assert list(asked(world, clients, verbs=("GET",))) == []
