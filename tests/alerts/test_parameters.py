"""Parameters of an enterprise from the database."""

from datetime import timedelta

import pytest

from alerts.evaluation.parameters import CATALOGUE
from alerts.models import RuleParameter
from alerts.parameters import get_tuning, load_parameters
from meters.states import Tuning
from tests import factories
from tests.alerts.plant import Plant, minute, occurrences

pytestmark = pytest.mark.django_db


def load(plant):
    enterprise = plant.enterprise
    return load_parameters(
        division_path=enterprise.county.path,
        industry=enterprise.industry,
        enterprise_id=enterprise.pk,
    )


def put(value, **scope):
    RuleParameter.objects.create(key="r01_minutes", value=value, valid_from=minute(0), **scope)


def test_every_key_has_a_seeded_row_that_agrees_with_its_default():
    rows = RuleParameter.objects.values_list("key", "value")
    assert sorted(rows) == sorted((spec.key, spec.default) for spec in CATALOGUE.values())


def test_the_seeded_rows_read_states_as_the_defaults_do():
    assert get_tuning(load(Plant()).enterprise, minute(0)) == Tuning()


def test_facility_before_industry_before_county_before_city_before_everyone():
    plant = Plant()
    county = plant.enterprise.county

    def value():
        return load(plant).for_facility(plant.furnace.facility_id).at("r01_minutes", minute(1))

    seen = [value()]
    for number, scope in enumerate(
        [
            {"division": county.parent},
            {"division": county},
            {"industry": plant.enterprise.industry},
            {"facility": plant.furnace.facility},
        ]
    ):
        put(20 + number, **scope)
        seen.append(value())
    assert [(row.value, row.scope) for row in seen] == [
        (10, "everyone"),
        (20, "city"),
        (21, "county"),
        (22, "industry"),
        (23, "facility"),
    ]
    assert load(plant).for_facility(plant.fan.facility_id).number("r01_minutes", minute(1)) == 22


def test_what_is_meant_for_others_does_not_apply():
    plant = Plant()
    put(1, division=factories.CountyFactory(code="141002"))
    put(2, industry="COKING")
    put(3, facility=factories.FacilityFactory(site__enterprise__county__code="141002"))
    assert load(plant).enterprise.number("r01_minutes", minute(1)) == 10


def test_a_facilitys_own_minutes_decide():
    plant = Plant()
    RuleParameter.objects.create(
        key="r01_minutes", value=25, valid_from=minute(-99), facility=plant.furnace.facility
    )
    plant.send(0, [50] * 25, [0] * 25)
    plant.evaluate(24)
    assert occurrences() == []
    plant.send(25, [50], [0])
    plant.evaluate(25)
    assert occurrences() == [("R01", "FIRING", 1, 0, 25)]


def test_a_tuning_may_be_changed():
    plant = Plant()
    RuleParameter.objects.create(key="stale_floor_min", value=9, valid_from=minute(0))
    assert get_tuning(load(plant).enterprise, minute(1)).stale_floor == timedelta(minutes=9)
