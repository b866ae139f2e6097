"""Loads are functions of machine and time, and look like loads."""

from datetime import UTC, datetime, timedelta
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enterprises.models import FacilityKind, LoadClass
from meters.simulator import loads
from meters.simulator.electrical import dead_sample, sample
from meters.simulator.machines import Machine, Shape, shape_of
from meters.simulator.plants import LAG_S, LEAD_S
from meters.states import CLASS_SHARES, CommissioningRow, State, find_segments, state_rules
from meters.states import Sample as StateSample
from tests.meters.simulator.plants import NOW, make_plant, quiet_feed

LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)
SHAPES = [shape for shape in Shape if shape is not Shape.TOTAL]


def machine(shape: Shape, key: str = "m", rated_kw: float = 100.0, kind: str = "PRODUCTION"):
    return Machine(key, "201", kind, shape, rated_kw)


@given(
    shape=st.sampled_from(SHAPES),
    key=st.text(max_size=6),
    rated_kw=st.floats(0.5, 8000),
    t=st.integers(1_500_000_000, 2_000_000_000),
    since=st.integers(0, 90_000),
)
@settings(max_examples=300, deadline=None)
def test_a_running_machine_draws_a_finite_power_within_reason(shape, key, rated_kw, t, since):
    it = machine(shape, key, rated_kw)
    kw = loads.running_kw(it, t, since)
    assert isfinite(kw)
    assert 0.0 < kw < 1.4 * rated_kw
    assert kw == loads.running_kw(machine(shape, key, rated_kw), t, since)


@given(shape=st.sampled_from(SHAPES), key=st.text(max_size=6), t=st.integers(0, 2_000_000_000))
@settings(max_examples=200, deadline=None)
def test_off_is_off(shape, key, t):
    assert 0.0 <= loads.off_kw(machine(shape, key), t) <= 0.005


@pytest.mark.parametrize("shape", SHAPES)
def test_no_load_is_ever_exactly_constant(shape):
    it = machine(shape)
    values = [round(loads.running_kw(it, t, 5000), 3) for t in range(NOW, NOW + 3600, 60)]
    assert len(set(values)) > 50


@pytest.mark.parametrize("shape", [Shape.VFD_TWO_LEVEL, Shape.CYCLIC, Shape.BATCH])
def test_it_has_a_loaded_and_an_idle_level_that_the_thresholds_tell_apart(shape):
    it = machine(shape)
    values = [loads.running_kw(it, t, 9000) for t in range(NOW, NOW + 4 * 3600, 60)]
    reference = 0.7 * it.rated_kw
    loaded = [kw for kw in values if kw > 0.5 * reference]
    idle = [kw for kw in values if kw < 0.4 * reference]
    assert loaded
    assert idle
    assert max(idle) < 0.30 * reference


@pytest.mark.parametrize("load_class", [c for c in LoadClass if c != LoadClass.MAIN])
@pytest.mark.parametrize("is_commissioned", [True, False])
def test_a_machine_that_falls_idle_is_no_longer_read_as_on(load_class, is_commissioned):
    """Idle production with its control off is lawful, so hysteresis must let go of ON."""
    for number in range(40):
        rated_kw = 8.0 if load_class == LoadClass.TRICKLE else 120.0
        it = machine(shape_of(load_class, "PRODUCTION", rated_kw), f"m{number}", rated_kw)
        shares, usual = CLASS_SHARES[load_class], loads.usual_kw(it)
        rows = [CommissioningRow(LONG_AGO, shares.off * usual, shares.on * usual)]
        rules = state_rules(
            load_class=load_class,
            rated_kw=rated_kw,
            nominal_voltage_v=220.0,
            interval=timedelta(seconds=60),
            rows=rows if is_commissioned and not shares.absolute else (),
        )
        samples = []
        for t in range(NOW - 3600, NOW + 3600, 60):
            kw = loads.loaded_kw(it, t, 7200) if t < NOW else loads.idle_kw(it, t)
            samples.append(StateSample(datetime.fromtimestamp(t, UTC), kw, 220.0))
        segments = find_segments(samples, rules)
        assert segments[0].state is State.ON
        later = [s.state for s in segments if s.end.timestamp() > NOW + 12 * 60]
        assert State.ON not in later


def test_a_batch_heats_for_45_to_75_minutes_and_then_holds():
    for number in range(30):
        traits = loads.traits_of(machine(Shape.BATCH, f"furnace {number}"))
        assert 45 * 60 <= traits.high_s <= 75 * 60
        assert 8 * 60 <= traits.period_s - traits.high_s <= 15 * 60


def test_a_ramp_rises_slowly():
    it = machine(Shape.RAMP)
    early, later = loads.running_kw(it, NOW, 60), loads.running_kw(it, NOW, 3600)
    assert early < 0.4 * later


@pytest.mark.parametrize(
    ("load_class", "kind", "kw", "shape"),
    [
        (LoadClass.FURNACE, FacilityKind.PRODUCTION, 800, Shape.BATCH),
        (LoadClass.VFD, FacilityKind.CONTROL, 800, Shape.VFD_TWO_LEVEL),
        (LoadClass.FIXED, FacilityKind.CONTROL, 7.5, Shape.TRICKLE),
        (LoadClass.MAIN, FacilityKind.MAIN, 2000, Shape.TOTAL),
    ],
)
def test_the_shape_follows_from_how_a_facility_is_read(load_class, kind, kw, shape):
    assert shape_of(load_class, kind, kw) is shape


@given(
    shape=st.sampled_from(SHAPES),
    share=st.floats(0.01, 1.2),
    t=st.integers(1_500_000_000, 2_000_000_000),
)
@settings(max_examples=300, deadline=None)
def test_currents_voltages_and_power_factor_give_the_power_back(shape, share, t):
    it = machine(shape, rated_kw=200.0)
    s = sample(it, t, share * it.rated_kw, 1.0)
    watts = (s.ua * s.ia + s.ub * s.ib + s.uc * s.ic) * s.pf
    assert watts / 1000 == pytest.approx(s.p_kw, rel=0.02, abs=0.05)
    assert 0 < s.pf <= 1
    assert 205 < min(s.ua, s.ub, s.uc) <= max(s.ua, s.ub, s.uc) < 235


def test_in_a_power_cut_no_phase_has_voltage():
    s = dead_sample(machine(Shape.STEADY), NOW, 12.0)
    assert max(s.ua, s.ub, s.uc) < 2
    assert (s.p_kw, s.energy_kwh) == (0.0, 12.0)


def test_energy_grows_with_what_was_drawn_and_never_falls():
    feed = quiet_feed(make_plant())
    before: dict[str, tuple[float, float]] = {}
    for t in range(NOW - 6 * 3600, NOW, 60):
        for it, s in feed.measure(t):
            if it.key in before:
                kwh, kw = before[it.key]
                assert s.energy_kwh >= kwh
                assert s.energy_kwh - kwh == pytest.approx((kw + s.p_kw) / 120, abs=0.011)
            before[it.key] = (s.energy_kwh, s.p_kw)


def test_the_same_second_shows_the_same_however_it_is_reached():
    plant = make_plant()
    straight, jumping = quiet_feed(plant), quiet_feed(plant)
    for t in range(NOW - 3 * 3600, NOW, 60):
        last = straight.measure(t)
    assert [s.p_kw for _, s in jumping.measure(t)] == [s.p_kw for _, s in last]
    assert [s[:6] for _, s in jumping.measure(t)] == [s[:6] for _, s in last]


def test_a_register_goes_on_from_where_the_record_ends():
    plant = make_plant()
    whole = quiet_feed(plant)
    for t in range(NOW - 3600, NOW, 60):
        stored = whole.measure(t)
    taken_up = quiet_feed(plant)
    taken_up = type(taken_up)(
        plant, taken_up._plan, {m.circuit: (t, s.energy_kwh) for m, s in stored}
    )
    after = {m.circuit: s.energy_kwh for m, s in taken_up.measure(NOW)}
    for m, s in whole.measure(NOW):
        assert after[m.circuit] == pytest.approx(s.energy_kwh, abs=0.5)
        assert after[m.circuit] >= {m.circuit: s.energy_kwh for m, s in stored}[m.circuit]


def test_control_starts_before_production_and_stops_after_it():
    plant = make_plant()
    timeline = quiet_feed(plant).timeline(NOW - 36 * 3600, NOW)
    furnace, fan = plant.machines[:2]
    inside = [run for run in timeline.runs(furnace) if timeline.since < run.start < timeline.until]
    assert inside
    for run in inside:
        serving = [on for on in timeline.runs(fan) if on.start <= run.start < on.end]
        assert len(serving) == 1
        assert serving[0].start <= run.start - LEAD_S
        assert serving[0].end >= run.end + LAG_S or run.end > timeline.until - LAG_S


def test_of_a_duty_pair_one_always_runs_and_both_do_at_the_change_over():
    plant = make_plant()
    timeline = quiet_feed(plant).timeline(NOW - 48 * 3600, NOW)
    blast = next(m for m in plant.machines if m.key.endswith("P02"))
    pair = plant.duty_groups()["除尘"]
    counts = set()
    for run in timeline.runs(blast):
        for t in range(max(run.start, timeline.since), min(run.end, timeline.until), 60):
            counts.add(sum(timeline.regime(m, t).mode.name == "RUNNING" for m in pair))
    assert counts == {1, 2}


def test_the_main_meter_shows_what_the_parts_draw_and_a_little_more():
    feed = quiet_feed(make_plant())
    for t in range(NOW - 24 * 3600, NOW, 1800):
        readings = feed.measure(t)
        parts = sum(s.p_kw for m, s in readings if m.shape is not Shape.TOTAL)
        total = next(s.p_kw for m, s in readings if m.shape is Shape.TOTAL)
        assert parts < total < 1.06 * parts + 100
