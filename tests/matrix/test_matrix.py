"""Every route, every verb, every role, every enterprise: nobody sees another's data."""

import pytest

from tests.matrix.expectations import ROUTES
from tests.matrix.matrix import ask, expected, fits, leaks, questions
from tests.matrix.routes import Found, walk

pytestmark = pytest.mark.django_db

FOUND = [found for found in walk() if not found.is_admin]


def test_no_route_is_without_an_expectation():
    assert sorted({found.name for found in FOUND} - set(ROUTES)) == []


def test_no_expectation_is_without_a_route():
    assert sorted(set(ROUTES) - {found.name for found in FOUND}) == []


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_the_route_answers_everybody_as_expected(found: Found, world, clients):
    route = ROUTES[found.name]
    wrong = []
    for verb, who, place, arguments in questions(world, found, route):
        asked = ask(clients, found, route, verb, who, place, arguments)
        wanted = expected(route, verb, who, place)
        if not fits(asked, wanted):
            wrong.append(f"{asked}, not {wanted}")
        if found_words := leaks(asked, world, route):
            wrong.append(f"{asked} shows {found_words}")
    assert wrong == []
