"""Which value of a parameter holds."""

from datetime import timedelta

import pytest

from alerts.evaluation.parameters import CATALOGUE, DatedValue, Parameters
from tests.alerts.evaluation.timelines import minute


def test_without_a_row_the_default_holds():
    assert Parameters().at("r01_minutes", minute(0)) == DatedValue("r01_minutes", 10.0)


def test_the_most_specific_scope_wins_and_then_the_latest_date():
    params = Parameters(
        [
            DatedValue("r01_minutes", 1, "everyone", 1, minute(0)),
            DatedValue("r01_minutes", 2, "everyone", 1, minute(10)),
            DatedValue("r01_minutes", 3, "facility", 9, minute(20), minute(30)),
            DatedValue("r01_minutes", 4, "everyone", 1),
        ]
    )
    values = [params.number("r01_minutes", minute(n)) for n in (-1, 0, 10, 20, 29, 30)]
    assert values == [4, 1, 2, 3, 3, 2]


def test_a_duration_has_its_unit():
    assert Parameters().duration("group_hours", minute(0)) == timedelta(hours=8)
    assert Parameters().duration("lead_s", minute(0)) == timedelta(minutes=5)


def test_an_unknown_key_is_refused():
    with pytest.raises(KeyError):
        Parameters().at("no_such_key", minute(0))


def test_every_parameter_says_what_it_means_and_where_it_is_from():
    assert all(spec.meaning and spec.source for spec in CATALOGUE.values())
