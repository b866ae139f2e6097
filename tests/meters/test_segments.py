"""Stored segments keep in step with readings, whatever the order in which these come."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from meters.models import StateSegment
from meters.queries import facility_spans, get_points, get_segments
from meters.segments import rebuild_segments, try_lock, update_segments
from tests import factories
from tests.helpers import store_reading_rows, store_readings

pytestmark = pytest.mark.django_db

T0 = datetime(2026, 11, 22, 16, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def minute(n):
    return T0 + n * MINUTE


def make_point(**facility):
    """A fan of 100 kW: ON from 21 kW, OFF below 3.5."""
    return factories.PointFactory(facility__rated_kw=100.0, **facility)


def shown(point):
    rows = StateSegment.objects.filter(point=point).order_by("started_at")
    return [(r.state, (r.started_at - T0) / MINUTE, (r.ended_at - T0) / MINUTE) for r in rows]


def stored(points):
    out = []
    for row in StateSegment.objects.filter(point__in=points).order_by("point", "started_at"):
        figures = (None if kw is None else round(kw, 6) for kw in (row.mean_kw, row.max_kw))
        counts = (row.reading_count, row.backfill_count)
        out.append((row.point_id, row.state, row.started_at, row.ended_at, *counts, *figures))
    return out


def update(point, since):
    return update_segments(point.collector.enterprise_id, since)


def test_the_first_readings_make_the_first_segment():
    point = make_point()
    store_readings(point, T0, [50] * 3)
    update(point, T0)
    assert shown(point) == [("ON", 0, 2)]


def test_one_more_reading_is_one_update_and_nothing_else():
    point = make_point()
    store_readings(point, T0, [50] * 60)
    update(point, T0)
    store_readings(point, minute(60), [56])
    changes = update(point, minute(60))
    assert (len(changes.updates), changes.inserts, changes.deletes) == (1, [], [])
    row = StateSegment.objects.get(point=point)
    assert (row.ended_at, row.reading_count, row.max_kw) == (minute(60), 61, 56.0)
    assert row.mean_kw == pytest.approx((50 * 60 + 56) / 61)


def test_nothing_new_writes_nothing():
    point = make_point()
    store_readings(point, T0, [50] * 60)
    update(point, T0)
    changes = update(point, minute(30))
    assert (changes.updates, changes.inserts, changes.deletes) == ([], [], [])


def test_queries_do_not_grow_with_the_points(django_assert_num_queries):
    points = [make_point()]
    site = points[0].facility.site
    points += [
        make_point(facility=factories.FacilityFactory(site=site), collector=points[0].collector)
        for _ in range(9)
    ]
    for point in points:
        store_readings(point, T0, [50] * 30)
    update(points[0], T0)
    for point in points:
        store_readings(point, minute(30), [50])
    with django_assert_num_queries(5):  # points, thresholds, segments, samples, one update
        changes = update(points[0], minute(30))
    assert len(changes.updates) == 10


def test_a_change_is_dated_back_and_the_figures_follow():
    point = make_point()
    store_readings(point, T0, [50] * 10 + [0] * 3)
    update(point, T0)
    assert shown(point) == [("ON", 0, 12)]
    store_readings(point, minute(13), [0])
    update(point, minute(13))
    assert shown(point) == [("ON", 0, 10), ("OFF", 10, 13)]
    on, off = StateSegment.objects.filter(point=point).order_by("started_at")
    assert (on.mean_kw, on.reading_count, off.mean_kw, off.reading_count) == (50.0, 10, 0.0, 4)


def test_a_silence_and_its_backfill():
    point = make_point()
    store_readings(point, T0, [50] * 10)
    update(point, T0)
    store_readings(point, minute(300), [50] * 5)
    update(point, minute(300))
    assert shown(point) == [("ON", 0, 10), ("UNKNOWN", 10, 300), ("ON", 300, 304)]
    store_readings(point, minute(10), [50] * 290, is_backfill=True)
    update(point, minute(10))
    assert shown(point) == [("ON", 0, 304)]
    assert StateSegment.objects.get(point=point).backfill_count == 290


def test_a_part_of_a_silence_may_come():
    point = make_point()
    store_readings(point, T0, [50] * 10)
    store_readings(point, minute(300), [50] * 5)
    update(point, T0)
    store_readings(point, minute(100), [0] * 50, is_backfill=True)
    update(point, minute(100))
    assert shown(point) == [
        ("ON", 0, 10),
        ("UNKNOWN", 10, 100),
        ("OFF", 100, 150),
        ("UNKNOWN", 150, 300),
        ("ON", 300, 304),
    ]


def test_readings_before_the_first_known_one():
    point = make_point()
    store_readings(point, minute(100), [50] * 10)
    update(point, minute(100))
    store_readings(point, T0, [0] * 10, is_backfill=True)
    update(point, T0)
    assert shown(point) == [("OFF", 0, 10), ("UNKNOWN", 10, 100), ("ON", 100, 109)]


def test_a_restless_point_is_taken_up_at_the_start_of_a_segment():
    """States so short that none has a settled moment."""
    point = make_point()
    values = [50, 50, 50, 0, 0, 0] * 20
    store_readings(point, T0, values)
    update(point, T0)
    store_readings(point, minute(120), [50] * 5)
    update(point, minute(120))
    kept = stored([point])
    assert len(kept) == 41
    rebuild_segments([point.pk])
    assert stored([point]) == kept


def test_a_point_that_is_silent_costs_the_others_nothing(django_assert_num_queries):
    point = make_point()
    silent = make_point(
        facility=factories.FacilityFactory(site=point.facility.site), collector=point.collector
    )
    store_readings(silent, T0, [50] * 5)
    store_readings(point, T0, [50] * 600)
    update(point, T0)
    store_readings(point, minute(600), [50])
    with django_assert_num_queries(5):
        update(point, minute(600))


def test_the_order_of_arrival_does_not_matter():
    rng = random.Random(5)
    points = [make_point()]
    site, collector = points[0].facility.site, points[0].collector
    points.append(
        make_point(
            facility=factories.FacilityFactory(site=site, load_class="CYCLIC"), collector=collector
        )
    )
    rows = []
    for point in points:
        at, power = 0, 50.0
        while at < 600:
            power = rng.choice([0.0, 5.0, 12.0, 19.0, 25.0, 60.0])
            for _ in range(rng.choice([1, 2, 3, 5, 12, 40])):
                rows.append((point.pk, minute(at), power + rng.random(), 230.0, False))
                at += rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 2, 9])
    arrived = sorted(rows, key=lambda row: row[1] + rng.choice([0, 0, 0, 30, 200]) * MINUTE)
    for n in range(0, len(arrived), 40):
        store_reading_rows(arrived[n : n + 40])
        update(points[0], min(row[1] for row in arrived[n : n + 40]))
    kept = stored(points)
    changes = rebuild_segments([point.pk for point in points])
    assert (changes.inserts, changes.deletes) == ([], [])
    assert stored(points) == kept
    assert len(kept) > 30


def test_segments_are_returned_whole_with_the_latest_before_the_window():
    point = make_point()
    store_readings(point, T0, [50] * 10 + [0] * 10 + [50] * 10)
    update(point, T0)
    rows = get_segments([point.pk], minute(12), minute(20))[point.pk]
    assert [(r.state, (r.start - T0) / MINUTE) for r in rows] == [("OFF", 10)]
    rows = get_segments([point.pk], minute(500))[point.pk]
    assert [(r.state, (r.end - T0) / MINUTE) for r in rows] == [("ON", 29)]
    assert get_segments([], T0) == {}


def test_points_of_one_facility_make_one_timeline():
    first = make_point()
    second = factories.PointFactory(facility=first.facility, collector=first.collector)
    store_readings(first, T0, [50] * 10 + [0] * 10)
    store_readings(second, T0, [0] * 20)
    update(first, T0)
    points = get_points(enterprise_id=first.collector.enterprise_id)
    timeline = facility_spans(points, get_segments([p.id for p in points], T0))
    assert [(s.start, s.end) for s in timeline[first.facility_id].on] == [(T0, minute(10))]


def test_a_lock_is_taken_once():
    assert try_lock(1)
