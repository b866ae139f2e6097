"""What the plan promises: something to see at once, and more lawful events than offences."""

from dataclasses import replace
from itertools import pairwise

import pytest

from meters.simulator.incidents import Kind, Plan, plan_start
from meters.simulator.machines import Shape
from meters.simulator.plants import Feed
from tests.meters.simulator.plants import NOW, make_plants

PLANTS = make_plants(40)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("start", [NOW, NOW + 12 * 3600])
def test_three_things_show_within_three_minutes_of_any_start(seed, start):
    plan = Plan(PLANTS, start, seed=seed)
    opening = {incident.kind: incident for incident in plan.opening}
    due = {Kind.CONTROL_OFF: 600, Kind.POWER_CUT: 300, Kind.SILENT: 900}
    for kind, after_s in due.items():
        assert 0 < opening[kind].start + after_s - start <= 150
        assert opening[kind].end > start + 600
    assert len({incident.plant for incident in plan.opening}) == len(plan.opening)


def test_the_opening_offence_is_a_furnace_at_full_load_with_its_fan_off():
    plan = Plan(PLANTS, NOW)
    offence = next(i for i in plan.opening if i.is_offence)
    plant = next(p for p in PLANTS if p.key == offence.plant)
    feed = Feed(plant, plan)
    line = [m for m in plant.machines if m.line == offence.line]
    for t in range(offence.start, offence.end, 60):
        kw = {m.key: s.p_kw for m, s in feed.measure(t) if m in line}
        for m in line:
            if m.shape is Shape.BATCH:
                assert kw[m.key] > 0.5 * m.rated_kw
            else:
                assert kw[m.key] < 0.01
    # and both before and after it the fan serves
    fan = next(m for m in line if m.is_control)
    for t in (offence.start - 120, offence.end + 120):
        assert next(s.p_kw for m, s in Feed(plant, plan).measure(t) if m == fan) > 50


@pytest.mark.parametrize("seed", range(25))
def test_what_opens_a_run_is_on_the_screens_of_the_largest_city(seed):
    plants = [
        replace(plant, area="140800" if number < 10 else "141000")
        for number, plant in enumerate(PLANTS)
    ]
    plan = Plan(plants, NOW, seed=seed)
    small = {plant.key for plant in plants[:10]}
    assert not {incident.plant for incident in plan.opening} & small


@pytest.mark.parametrize("seed", range(10))
def test_lawful_events_outnumber_offences_and_those_come_one_in_ten_minutes_at_most(seed):
    plan = Plan(make_plants(120), NOW, seed=seed)
    incidents = plan.between(NOW - 12 * 3600, NOW + 12 * 3600)
    offences = [i for i in incidents if i.is_offence]
    assert len(incidents) - len(offences) > 2 * len(offences)
    live = [i for i in offences if i.start >= NOW]
    assert 12 <= len(live) <= 12 * 4
    assert all(i.end - i.start >= 14 * 60 for i in live)
    for hour in range(12):
        begun = [i for i in live if hour * 3600 <= i.start - NOW < (hour + 1) * 3600]
        assert len(begun) <= 4
    assert 2 <= sum(i.start < NOW - 3600 for i in offences) <= 3


def test_no_plant_has_two_things_at_once():
    plan = Plan(PLANTS, NOW)
    by_plant: dict[str, list] = {}
    for incident in plan.between(NOW - 12 * 3600, NOW + 24 * 3600):
        by_plant.setdefault(incident.plant, []).append(incident)
    for incidents in by_plant.values():
        for one, next_one in pairwise(incidents):
            assert one.end < next_one.start


def test_the_plan_is_the_same_in_whatever_steps_it_is_read():
    whole, steps = Plan(PLANTS, NOW, seed=7), Plan(PLANTS, NOW, seed=7)
    for until in range(NOW, NOW + 6 * 3600, 1000):
        steps.of(PLANTS[0].key, NOW, until)
    end = NOW + 6 * 3600
    assert whole.between(NOW, end) == steps.between(NOW, end)
    assert whole.between(NOW, end) != Plan(PLANTS, NOW, seed=8).between(NOW, end)


def test_the_night_is_over_before_the_two_hours_that_a_later_run_may_back_fill():
    assert all(incident.end <= NOW - 7200 for incident in Plan(PLANTS, NOW).night)


def test_nothing_happens_in_a_quiet_plan():
    assert Plan(PLANTS, NOW, is_quiet=True).between(NOW - 86_400, NOW + 86_400) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_tiny_city_has_what_fits(count):
    plan = Plan(make_plants(count), NOW)
    assert len(plan.opening) == count
    plan.between(NOW, NOW + 86_400)


@pytest.mark.parametrize(
    ("record_end", "now", "start"),
    [
        (NOW - 17, NOW + 40, NOW),  # just seeded: go on with its plan
        (NOW - 17, NOW + 299, NOW + 300),  # too long ago
        (NOW + 999, NOW, NOW),  # a record from the future is none
    ],
)
def test_a_run_takes_up_the_plan_where_the_record_just_ended(record_end, now, start):
    assert plan_start([NOW - 5000, record_end], now) == start
    assert plan_start([], NOW) == NOW
