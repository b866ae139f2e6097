"""The matrix would notice: every door that is taken away turns it red, or the wall behind it holds.

Two proofs. With row-level security out of the way each scope filter is removed in turn, and the
questions that pass through it must show something foreign. With all filters removed at once and
row-level security back in its place nothing foreign may show at all.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

import enterprises.batches
import reports.queries.audit
import tenancy.people
from enterprises.models import InstallationBatch
from enterprises.models.imports import ImportJobQuerySet
from tenancy import walls
from tenancy.models import AuditEntry, Grant, OperatorCompany, Role, SiteAssignment, User
from tenancy.scoped_admin import ScopedAdmin
from tenancy.scoping import ScopedQuerySet
from tests.matrix.expectations import ROUTES
from tests.matrix.matrix import ask, ask_url, expected, fits, leaks, questions
from tests.matrix.routes import Found, walk
from tests.matrix.world import Place

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


def replace(patch: pytest.MonkeyPatch, name: str, make: Callable[[Any], Any]) -> None:
    """Put something else in another door's place, in all modules that know it by its name."""
    owner, attribute, _without = OTHER_DOORS[name]
    original = getattr(owner, attribute)
    replacement = make(original)
    patch.setattr(owner, attribute, replacement)
    for module in list(sys.modules.values()):
        if getattr(module, attribute, None) is original:
            patch.setattr(module, attribute, replacement)


def take_walls_off(patch: pytest.MonkeyPatch) -> None:
    """Let every request see all rows: only the filters of the code stand."""
    patch.setattr(
        walls, "enter", lambda user=None, *, audit=None: walls.enter_system("the walls are off")
    )


@pytest.fixture
def no_walls(monkeypatch):
    take_walls_off(monkeypatch)


def wrong_with(world, clients, found: Found, verbs: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with the answers of one route to the watchers' questions."""
    route = ROUTES[found.name]
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


def noticed(world, clients, names: frozenset[str]) -> bool:
    """Tell whether one of the routes answers otherwise than it should."""
    return any(
        True
        for found in FOUND
        if found.name in names
        for _ in wrong_with(world, clients, found, ("GET", "POST"))
    )


@dataclass
class Sweep:
    """All questions of the watchers with the walls off: what was wrong, and who passed where."""

    wrong: list[str]
    passages: dict[object, set[str]]


@pytest.fixture(scope="module")
def sweep(world, clients) -> Sweep:
    wrong: list[str] = []
    passages: dict[object, set[str]] = defaultdict(set)
    here = {"name": ""}
    within = ScopedQuerySet.within

    def watched(self, scope):
        for door in DOORS:
            if isinstance(self, door):
                passages[door].add(here["name"])
        return within(self, scope)

    def recorded(name: str) -> Callable[[Any], Any]:
        def make(original):
            def call(*args, **kwargs):
                passages[name].add(here["name"])
                return original(*args, **kwargs)

            return call

        return make

    with pytest.MonkeyPatch.context() as patch:
        take_walls_off(patch)
        patch.setattr(ScopedQuerySet, "within", watched)
        for name in OTHER_DOORS:
            replace(patch, name, recorded(name))
        for found in FOUND:
            here["name"] = found.name
            wrong += wrong_with(world, clients, found, ("GET", "POST"))
    return Sweep(wrong, passages)


def models_behind(door: type[ScopedQuerySet]) -> list[type[Model]]:
    """Return the models of the administration that are read through the door."""
    return [
        model
        for model in admin.site._registry
        if isinstance(model._default_manager.all(), door)  # type: ignore[attr-defined]
    ]


def noticed_in_the_administration(world, clients, door: type[ScopedQuerySet]) -> bool:
    """Tell whether the city administrator finds another city's row there."""
    far = world.plants[Place.OTHER_CITY].rows
    for model in models_behind(door):
        if model in far:
            page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
            url = reverse(page, args=[far[model].pk])
            if ask_url(clients, "GET", url, Role.CITY_ADMIN, name=page).status != 404:
                return True
    return False


def test_with_the_walls_off_the_doors_alone_let_nothing_through(sweep):
    assert sweep.wrong == []


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__qualname__)
def test_a_door_taken_away_is_noticed(door, world, clients, sweep, no_walls, monkeypatch):
    names = frozenset(sweep.passages.get(door, ()))
    assert not noticed_in_the_administration(world, clients, door)
    monkeypatch.setattr(door, "within", lambda self, scope: self.all(), raising=False)
    assert noticed_in_the_administration(world, clients, door) or noticed(world, clients, names), (
        f"not noticed on {sorted(names)}"
    )


def test_the_door_of_the_administration_taken_away_is_noticed(
    world, clients, no_walls, monkeypatch
):
    """Where a model has no door of its own, its page in the administration is one."""
    far = world.plants[Place.OTHER_CITY].rows[SiteAssignment]
    url = reverse("admin:tenancy_siteassignment_change", args=[far.pk])
    statuses = []
    for _ in range(2):
        statuses.append(ask_url(clients, "GET", url, Role.CITY_ADMIN, name=url).status)
        monkeypatch.setattr(ScopedAdmin, "get_queryset", admin.ModelAdmin.get_queryset)
    assert statuses == [404, 200]


@pytest.mark.parametrize("name", OTHER_DOORS)
def test_another_door_taken_away_is_noticed(name, world, clients, sweep, no_walls, monkeypatch):
    names = frozenset(sweep.passages.get(name, ()))
    replace(monkeypatch, name, lambda original: OTHER_DOORS[name][2])
    assert noticed(world, clients, names), f"not noticed on {sorted(names)}"


def test_with_all_doors_taken_away_the_walls_let_nothing_through(world, clients, monkeypatch):
    for door in DOORS:
        monkeypatch.setattr(door, "within", lambda self, scope: self.all(), raising=False)
    assert [text for found in FOUND for text in wrong_with(world, clients, found, ("GET",))] == []
