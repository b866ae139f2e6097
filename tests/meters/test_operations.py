"""Dated records of devices, thresholds and pairings; what reaches back is judged again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from enterprises.models import Pairing, Threshold
from enterprises.queries import get_pairings_at, get_threshold_at
from meters import operations as ops
from meters.ingest import load_directory
from meters.models import ChangedWindow, Collector, LatestReading, Meter, StateSegment
from meters.operations import devices
from meters.operations.devices import newest_mark
from meters.queries import get_meter_at
from meters.segments import rebuild_segments
from tenancy.models import Role
from tests import factories
from tests.alerts.plant import Plant, alerts, minute, occurrences

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
BY = {"actor": None, "now": NOW}


def refused(call, *args, **kwargs) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        call(*args, **(BY | kwargs))
    error = caught.value
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


# --- meters ---


def first_meter(point, **values):
    given = {"serial": "SL1", "ct_ratio": 100.0, "valid_from": NOW - 30 * DAY} | values
    return ops.replace_meter(point, **given, **BY)


def test_yesterdays_evidence_keeps_yesterdays_ratio():
    point = factories.PointFactory()
    first_meter(point)
    ops.replace_meter(point, serial="SL1", ct_ratio=120.0, valid_from=NOW, reason="换互感器", **BY)
    assert get_meter_at(point, NOW - DAY).ct_ratio == 100.0
    assert get_meter_at(point, NOW).ct_ratio == 120.0
    assert get_meter_at(point, NOW - 31 * DAY) is None


def test_a_new_seal_takes_over_what_the_same_meter_has():
    point = factories.PointFactory()
    first_meter(point, certificate_number="JL-1")
    row = ops.replace_meter(
        point, serial="SL1", seal_numbers="8841", valid_from=NOW, reason="重新铅封", **BY
    )
    assert (row.certificate_number, row.ct_ratio) == ("JL-1", 100.0)


def test_a_change_of_a_meter_says_why():
    point = factories.PointFactory()
    first_meter(point)
    assert list(refused(ops.replace_meter, point, serial="SL2", valid_from=NOW)) == ["reason"]


def test_a_record_that_overlaps_names_the_others_dates():
    point = factories.PointFactory()
    first_meter(point)
    said = refused(ops.replace_meter, point, serial="SL2", valid_from=NOW - 40 * DAY, reason="补录")
    assert list(said) == ["valid_from"]
    assert "24 Oct 2026" in said["valid_from"][0] or "2026年10月24日" in said["valid_from"][0]
    assert Meter.objects.get().valid_to is None


def test_the_databases_last_word_is_ours_too():
    point = factories.PointFactory()
    first_meter(point)
    # As if another writer's row had not been there when we looked.
    row = Meter(point=point, valid_from=NOW - 40 * DAY)
    with pytest.raises(ValidationError) as caught:
        devices._follow(
            row,
            [],
            ("serial",),
            {"serial": "SL2"},
            reason="",
            now=NOW,
            constraint_name="meters_meter_one_at_a_time",
        )
    assert list(caught.value.message_dict) == ["valid_from"]
    assert Meter.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ct_ratio": 0.0}, "ct_ratio"),
        ({"pt_ratio": -1.0}, "pt_ratio"),
        (
            {"certified_on": NOW.date(), "certificate_expires_on": (NOW - DAY).date()},
            "certificate_expires_on",
        ),
        ({"serial": ""}, "serial"),
    ],
)
def test_a_meter_that_cannot_be_is_refused(given, field):
    point = factories.PointFactory()
    assert list(
        refused(ops.replace_meter, point, **({"serial": "S", "valid_from": NOW} | given))
    ) == [field]
    assert not Meter.objects.exists()


def test_the_second_writer_of_a_meter_is_told():
    point = factories.PointFactory()
    first_meter(point)
    seen = newest_mark(list(point.meters.all()))
    ops.replace_meter(point, serial="SL2", valid_from=NOW, reason="换表", seen=seen, **BY)
    said = refused(
        ops.replace_meter, point, serial="SL3", valid_from=NOW + HOUR, reason="换表", seen=seen
    )
    assert "他人已作修改" in said[""][0]


# --- collectors and points ---


@pytest.mark.parametrize("mn", ["", "12345", "中" * 24, "A B C D E F", "A" * 41])
def test_an_mn_of_no_known_form_is_refused(mn):
    assert list(refused(ops.add_collector, factories.SiteFactory(), mn=mn)) == ["mn"]


def test_an_mn_is_kept_in_the_standards_capitals():
    made = ops.add_collector(factories.SiteFactory(), mn=" de0212141002a4499a670003 ", **BY)
    assert made.mn == "DE0212141002A4499A670003"
    assert ops.add_collector(made.site, mn="88888880000001", **BY).mn == "88888880000001"


def test_a_foreign_mn_is_refused_without_saying_whose_it_is():
    foreign = factories.CollectorFactory()
    site = factories.SiteFactory()
    branch = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=site.enterprise.county).user
    own = factories.GrantFactory(role=Role.COUNTY_BRANCH, division=foreign.enterprise.county).user
    said = refused(ops.add_collector, site, mn=foreign.mn, actor=branch)["mn"][0]
    assert foreign.enterprise.name not in said
    assert (
        foreign.enterprise.name
        in refused(ops.add_collector, site, mn=foreign.mn, actor=own)["mn"][0]
    )
    assert Collector.objects.count() == 1


def test_the_gateway_knows_a_new_point_and_forgets_a_retired_one_within_its_refresh():
    collector = factories.CollectorFactory()
    facility = factories.FacilityFactory(site=collector.site)
    before = load_directory()
    point = ops.add_point(collector, circuit="01", facility=facility, **BY)
    after = load_directory(previous=before)
    assert after.collectors[collector.mn].points == {"01": point.pk}
    assert after.collectors[collector.mn].layouts is not before.collectors[collector.mn].layouts
    ops.retire_point(point, reason="拆除", **BY)
    last = load_directory(previous=after)
    assert last.collectors[collector.mn].points == {}
    assert last.collectors[collector.mn].layouts is not after.collectors[collector.mn].layouts


def test_a_circuit_is_freed_by_retiring_its_point():
    collector = factories.CollectorFactory()
    one, two = (factories.FacilityFactory(site=collector.site, name=n) for n in ("甲", "乙"))
    point = ops.add_point(collector, circuit="01", facility=one, **BY)
    said = refused(ops.add_point, collector, circuit="01", facility=two)
    assert "甲" in said["circuit"][0]
    first_meter(point)
    assert list(refused(ops.retire_point, point, reason="")) == ["reason"]
    ops.retire_point(point, reason="改接", **BY)
    assert point.meters.get().valid_to == NOW
    ops.add_point(collector, circuit="01", facility=two, **BY)
    assert refused(ops.retire_point, point, reason="再来")


def test_a_point_is_on_the_collectors_site_and_on_a_facility_in_use():
    collector = factories.CollectorFactory()
    said = refused(ops.add_point, collector, circuit="01", facility=factories.FacilityFactory())
    assert list(said) == ["facility"]
    old = factories.FacilityFactory(site=collector.site, retired_at=NOW - DAY)
    assert list(refused(ops.add_point, collector, circuit="bad!", facility=old)) == [
        "circuit",
        "facility",
    ]


def test_hardware_behind_an_mn_is_a_dated_record():
    collector = factories.CollectorFactory()
    ops.replace_device(collector, serial="D1", valid_from=NOW - 9 * DAY, **BY)
    ops.replace_device(collector, serial="D2", valid_from=NOW, reason="故障更换", **BY)
    rows = list(collector.devices.order_by("valid_from").values_list("serial", "valid_to"))
    assert rows == [("D1", NOW), ("D2", None)]


# --- pairings ---


@pytest.fixture
def site():
    return factories.SiteFactory()


def pair(site, productions, controls, **more):
    given = {"stage": "除尘", "mode": "ANY", "valid_from": NOW} | more
    return ops.set_pairing(site, productions=productions, controls=controls, **(BY | given))


def refused_pair(site, productions, controls, **more):
    return refused(pair, site, productions, controls, **more)


def test_a_pairing_of_two_controls_or_two_productions_is_refused(site):
    furnace = factories.FacilityFactory(site=site, production=True)
    other = factories.FacilityFactory(site=site, production=True)
    fan = factories.FacilityFactory(site=site, control=True)
    assert list(refused_pair(site, [fan], [fan])) == ["productions", "controls"]
    assert list(refused_pair(site, [furnace], [other])) == ["controls"]
    assert list(refused_pair(site, [furnace], [])) == ["controls"]
    foreign = factories.FacilityFactory(control=True)
    assert list(refused_pair(site, [furnace], [foreign])) == ["controls"]
    both = factories.FacilityFactory(site=site, kind="COMBINED")
    assert list(refused_pair(site, [both], [both])) == ["controls"]
    assert not Pairing.objects.exists()


@pytest.mark.parametrize("count", [None, 0, 3])
def test_at_least_asks_for_no_more_than_there_are(site, count):
    furnace = factories.FacilityFactory(site=site, production=True)
    fans = factories.FacilityFactory.create_batch(2, site=site, control=True)
    said = refused_pair(site, [furnace], fans, mode="AT_LEAST", at_least=count)
    assert list(said) == ["at_least"]


def test_one_stage_of_a_machine_has_one_pairing_at_a_time(site):
    furnace = factories.FacilityFactory(site=site, production=True)
    fan, other = factories.FacilityFactory.create_batch(2, site=site, control=True)
    first = pair(site, [furnace], [fan])
    said = refused_pair(site, [furnace], [other], valid_from=NOW + DAY)
    assert list(said) == ["valid_from"]
    pair(site, [furnace], [other], stage="脱硫")
    second = pair(site, [furnace], [other], valid_from=NOW + DAY, replaces=first)
    assert [p.pk for p in get_pairings_at(site, NOW + HOUR) if p.stage == "除尘"] == [first.pk]
    assert [p.pk for p in get_pairings_at(site, NOW + DAY) if p.stage == "除尘"] == [second.pk]


def test_ending_a_pairing_says_why_and_a_pairing_is_approved_once(site):
    furnace = factories.FacilityFactory(site=site, production=True)
    fan = factories.FacilityFactory(site=site, control=True)
    row = pair(site, [furnace], [fan])
    head = factories.UserFactory()
    ops.approve_pairing(row, actor=head, now=NOW)
    assert refused(ops.approve_pairing, row, actor=head)
    assert list(refused(ops.end_pairing, row, valid_to=NOW + DAY, reason="")) == ["reason"]
    assert list(refused(ops.end_pairing, row, valid_to=NOW - DAY, reason="错")) == ["valid_to"]
    ops.end_pairing(row, valid_to=NOW + DAY, reason="设备拆除", **BY)
    assert get_pairings_at(site, NOW + DAY) == []


# --- facilities ---


def test_a_kind_is_fixed_by_pairings_and_by_readings(site):
    furnace = factories.FacilityFactory(site=site, production=True)
    fan = factories.FacilityFactory(site=site, control=True)
    pair(site, [furnace], [fan])
    assert list(refused(ops.update_facility, fan, kind="AUXILIARY")) == ["kind"]
    point = factories.PointFactory()
    LatestReading.objects.create(point=point, measured_at=NOW, received_at=NOW)
    assert list(refused(ops.update_facility, point.facility, kind="CONTROL")) == ["kind"]
    assert ops.update_facility(point.facility, rated_kw=75.0, **BY).rated_kw == 75.0


def test_a_facility_out_of_use_takes_its_points_and_pairings_along(site):
    one, two = factories.FacilityFactory.create_batch(2, site=site, production=True)
    fan = factories.FacilityFactory(site=site, control=True)
    point = factories.PointFactory(facility=one)
    pair(site, [one, two], [fan], valid_from=NOW - HOUR, reason="补录")
    assert list(refused(ops.retire_facility, one, reason=" ")) == ["reason"]
    ops.retire_facility(one, reason="拆除", **BY)
    point.refresh_from_db()
    assert point.retired_at == NOW
    (rest,) = get_pairings_at(site, NOW)
    assert [f.pk for f in rest.productions.all()] == [two.pk]
    assert rest.approved_at is None
    ops.retire_facility(fan, reason="拆除", actor=None, now=NOW + HOUR)
    assert get_pairings_at(site, NOW + HOUR) == []


# --- thresholds ---


def test_a_threshold_must_make_sense():
    facility = factories.FacilityFactory(rated_kw=100.0)
    given = {"off_below_kw": 5.0, "on_from_kw": 30.0, "valid_from": NOW}
    for wrong, field in (
        ({"off_below_kw": -1.0}, "off_below_kw"),
        ({"on_from_kw": 5.0}, "on_from_kw"),
        ({"on_from_kw": 300.0}, "on_from_kw"),
        ({"reference_kw": 20.0}, "reference_kw"),
        ({"valid_from": NOW + 400 * DAY}, "valid_from"),
    ):
        assert list(refused(ops.set_threshold, facility, **(given | wrong))) == [field]
    row = ops.set_threshold(facility, **given, **BY)
    assert list(refused(ops.set_threshold, facility, **given)) == ["valid_from"]
    assert list(refused(ops.set_threshold, facility, **(given | {"valid_from": NOW - DAY}))) == [
        "reason"
    ]
    assert get_threshold_at(facility, NOW) == row
    assert get_threshold_at(facility, NOW - DAY) is None
    ops.approve_threshold(row, actor=factories.UserFactory(), now=NOW)
    assert refused(ops.approve_threshold, row, actor=factories.UserFactory())
    assert Threshold.objects.count() == 1


def test_a_threshold_that_reaches_back_changes_segments_and_alerts():
    plant = Plant()
    plant.send(0, [100.0] * 60, [0.0] * 60)
    plant.evaluate(60)
    assert [row[:2] for row in alerts()] == [("R01", "OPEN")]
    # The furnace's 100 kW turn out to be its holding power: it melts from 500 kW on.
    ops.set_threshold(
        plant.furnace.facility,
        off_below_kw=20.0,
        on_from_kw=500.0,
        valid_from=minute(5),
        reason="保温功率误判为运行",
        actor=None,
        now=minute(70),
    )
    assert list(ChangedWindow.objects.values_list("since", "until")) == [(minute(5), minute(70))]
    plant.evaluate(70)
    states = list(
        StateSegment.objects.filter(point=plant.furnace)
        .order_by("started_at")
        .values_list("state", "started_at")
    )
    assert states == [("ON", minute(0)), ("STANDBY", minute(5))]
    assert [row[:2] for row in alerts()] == [("R01", "WITHDRAWN")]
    again = rebuild_segments([plant.furnace.pk, plant.fan.pk])
    assert (again.deletes, again.updates, again.inserts) == ([], [], [])


def test_a_pairing_that_reaches_back_raises_what_was_missed():
    plant = Plant()
    Pairing.objects.all().delete()
    plant.send(0, [100.0] * 60, [0.0] * 60)
    plant.evaluate(60)
    assert occurrences() == []
    ops.set_pairing(
        plant.site,
        stage="除尘",
        productions=[plant.furnace.facility],
        controls=[plant.fan.facility],
        valid_from=minute(-60),
        reason="漏录",
        actor=None,
        now=minute(70),
    )
    # Bounded to what was stored.
    assert ChangedWindow.objects.get().since == minute(0)
    plant.evaluate(70)
    assert [row[:2] for row in alerts()] == [("R01", "OPEN")]


def test_a_retired_point_leaves_its_successor_to_speak_for_the_facility():
    plant = Plant()
    plant.send(0, [100.0] * 30, [0.0] * 30)
    plant.evaluate(30)
    ops.retire_point(plant.fan, reason="换采集仪", actor=None, now=minute(30))
    successor = factories.PointFactory(facility=plant.fan.facility, collector=plant.collector)
    old, plant.fans, plant.fan = plant.fan, [successor], successor
    plant.send(30, [100.0] * 30, [0.0] * 30)
    plant.evaluate(60)
    assert old.pk != successor.pk
    assert [(row[0], row[3], row[4]) for row in occurrences() if row[0] == "R01"] == [
        ("R01", 0.0, 59.0)
    ]


def test_a_far_reaching_window_is_walked_a_few_points_at_a_time(monkeypatch):
    monkeypatch.setattr("alerts.drain.POINT_DAYS_AT_ONCE", 2)
    plant = Plant()
    plant.send(0, [100.0] * 60, [0.0] * 60)
    plant.evaluate(3 * 24 * 60)
    assert StateSegment.objects.count() == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM meters_changedwindow")
        assert cursor.fetchone() == (0,)
