"""The story, at a fixed moment, for the tests of the pages."""

from datetime import UTC, datetime

import pytest
import time_machine

from tests.reports.story import Story, make_story

#: 02:20 on Shanghai's clock: the officer was just woken.
NOW = datetime(2026, 11, 23, 18, 20, tzinfo=UTC)


@pytest.fixture
def night():
    """Stop the clock at the moment of the story."""
    with time_machine.travel(NOW, tick=False):
        yield NOW


@pytest.fixture
def story(night, db) -> Story:
    return make_story(night, readings=False)
