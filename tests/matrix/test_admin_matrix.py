"""The administration: every page of every model as everybody."""

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse

from enterprises.models import InstallationBatch
from tenancy.models import Grant, OperatorCompany, Role, SiteAssignment, User
from tests.matrix.matrix import ANONYMOUS, DISABLED, Asked, ask_url, everybody
from tests.matrix.routes import walk
from tests.matrix.world import CANARIES, SEES, Place

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
OF_ONE = ("change", "delete", "history")
OF_ALL = ("changelist", "add")
#: Routes of the administration that belong to no model.
COMMON = frozenset({"index", "login", "logout", "password_change", "password_change_done"}) | {
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
}


def test_every_route_of_the_administration_is_asked():
    asked = {f"admin:{name}" for name in COMMON} | {
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        for model in MODELS
        for page in (*OF_ALL, *OF_ONE)
    }
    unasked = {
        found.name
        for found in walk()
        # Two patterns without a name lead to a page or to nothing: they are asked by address below.
        if found.is_admin and found.name not in asked and "<" not in found.name
    }
    assert unasked <= {r"admin:(?P<url>.*)$"}


#: Rows that belong to a city's managers and to no enterprise alone.
OF_THE_CITY = (User, Grant, OperatorCompany, SiteAssignment, InstallationBatch)


def may_look(world, role: Role, model: type[Model]) -> bool:
    """Tell whether the model is in the role's part of the administration."""
    request = RequestFactory().get("/admin/")
    request.user = world.people[role]
    return admin.site._registry[model].has_module_permission(request)


def sees_row(role: Role | None, model: type[Model], place: Place) -> bool:
    # The accounts of enterprises show to who keeps their security on the portal's own pages.
    if role is None or (role == Role.SECURITY_ADMIN and model in (User, Grant)):
        return False
    return place in (tuple(Place)[:3] if model in OF_THE_CITY else SEES[role])


def refused(asked: Asked) -> bool:
    return asked.status in (403, 404)


def signed_out(asked: Asked) -> bool:
    return asked.status == 302 and "login" in asked.location


def judge(asked: Asked, *, role: Role | None, may: bool, seen: bool | None, closed: bool) -> str:
    """Return what is wrong with an answer, empty if nothing is.

    closed: the page refuses the person's own row just so, and tells nothing of another.
    """
    if role is None:
        return "" if signed_out(asked) else f"{asked}, not sign-in"
    if not may:
        return "" if refused(asked) else f"{asked}, not refused"
    if seen is False:
        hidden = asked.status == 404 or (closed and asked.status == 403)
        return "" if hidden else f"{asked}, not 404"
    # A page may be closed to everybody (facts are not added, nothing is deleted): 403.
    return "" if asked.status in (200, 302, 403, 405) else f"{asked}, not answered"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_pages_of_a_model_answer_everybody_as_expected(model: type[Model], world, clients):
    wrong = []
    prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    own = {place: plant.rows.get(model) for place, plant in world.plants.items()}
    for who in everybody():
        role = None if who in (ANONYMOUS, DISABLED) else Role(who)
        may = role is not None and may_look(world, role, model)
        for page in OF_ALL if may else OF_ALL[:1]:
            wrong += _ask(clients, world, f"{prefix}_{page}", [], role, who, may, None, {})
        # To whom the whole module is closed one row is as closed as the other.
        for page in OF_ONE if may else OF_ONE[:1]:
            closed: dict[str, bool] = {}  # by verb; the own place comes first
            for place, row in own.items():
                if row is not None and (may or place == Place.OWN):
                    seen = sees_row(role, model, place)
                    wrong += _ask(
                        clients, world, f"{prefix}_{page}", [row.pk], role, who, may, seen, closed
                    )
    assert wrong == []


def _ask(clients, world, name, arguments, role, who, may, seen, closed) -> list[str]:
    try:
        url = reverse(name, args=arguments)
    except NoReverseMatch:
        return []
    wrong = []
    for verb in ("GET", "POST"):
        asked = ask_url(clients, verb, url, who, name=name)
        closed.setdefault(verb, asked.status == 403)
        if said := judge(asked, role=role, may=may, seen=seen, closed=closed[verb]):
            wrong.append(said)
        if shown := [word for word in foreign(world, role) if word in asked.body]:
            wrong.append(f"{asked} shows {shown}")
    return wrong


def foreign(world, role: Role | None) -> tuple[str, ...]:
    """Return the canaries that may not show; managers of accounts see names within their city."""
    words = world.foreign_canaries(role)
    if role in (Role.SECURITY_ADMIN, Role.AUDITOR):
        return tuple(word for word in words if word == CANARIES[Place.OTHER_CITY])
    return words


def test_autocompletion_offers_nothing_foreign(world, clients):
    asked = 0
    for model, own in admin.site._registry.items():
        for field in own.autocomplete_fields:
            url = reverse("admin:autocomplete")
            query = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
            for role in Role:
                answer = ask_url(
                    clients, "GET", f"{url}?{query}&field_name={field}&term=", role, name="auto"
                )
                assert not [word for word in foreign(world, role) if word in answer.body], answer
                asked += 1
    assert asked > 100
