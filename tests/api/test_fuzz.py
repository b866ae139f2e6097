"""Schemathesis against the whole application: whatever is sent, no fault of ours comes back.

A small run, as three kinds of people; ``./dev bench api`` runs the big one.
"""

import pytest

from tests.api.fuzz import fuzz

CASES = 1  # of each kind, for each operation


#: One sees everything tried; the two others share it, so that the suite stays quick.
ROLES = {
    "city_admin": slice(None),
    "enterprise_officer": slice(0, None, 2),  # the right requests
    "operator": slice(1, None, 2),  # the wrong ones
}


@pytest.mark.parametrize("role", ROLES)
def test_no_case_finds_a_fault(world, role):
    every = ROLES[role]
    found = fuzz(world.token(role), cases=CASES, known=world.own.ids, every=every)
    assert found.cases > 80 // (every.step or 1)
    assert not found.failures, "\n".join(found.failures)
