"""One world for a whole file: nothing that is asked of it stays."""

import pytest
import time_machine
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from tests.matrix.matrix import Clients
from tests.matrix.world import NOW, World, make_world


@pytest.fixture(scope="package")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    """Build the world in a transaction that is rolled back at the end."""
    with (
        django_db_blocker.unblock(),
        time_machine.travel(NOW, tick=False),
        # Thousands of questions a minute, asked by people of whom no second factor is demanded.
        override_settings(
            STATE_DIR=tmp_path_factory.mktemp("matrix"),
            API_RATES=dict.fromkeys(settings.API_RATES, 0),
            SECOND_FACTOR="offered",
        ),
        transaction.atomic(),
    ):
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture(scope="package")
def clients(world: World) -> Clients:
    return Clients(world)
