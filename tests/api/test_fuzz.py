"""Schemathesis against the whole application: whatever is sent, no fault of ours comes back.

A small run, as three kinds of people; ``./dev bench api`` runs the big one.
"""

import pytest

from tests.api.fuzz import fuzz

CASES = 1  # of each kind, for each operation


@pytest.mark.parametrize("role", ["city_admin", "enterprise_officer", "operator"])
def test_no_case_finds_a_fault(world, role):
    found = fuzz(world.token(role), cases=CASES, known=world.own.ids)
    assert found.cases > 80
    assert not found.failures, "\n".join(found.failures)
