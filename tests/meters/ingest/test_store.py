"""What a commit leaves in the tables."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import connection

from meters import archive
from meters.ingest import Batch, Entry, Issue, Store, load_directory, reparse
from meters.models import (
    ChangedWindow,
    CollectorStatus,
    IntakeIssue,
    LatestReading,
    RawChunk,
    Reading,
    ReadingConflict,
)
from tests.meters.ingest.conftest import NOON, Plant

FULL = (
    "100001-Ua=220.1,100001-Ub=220.2,100001-Uc=220.3,100001-Ia=12.1,100001-Ib=12.2,"
    "100001-Ic=12.3,100001-Pt=7.75,100001-cos=0.95,100001-Ept=80223.867,100001-Flag=N"
)


def test_a_frame_becomes_a_row_with_all_that_goes_with_it(plant: Plant) -> None:
    result = plant.take_in(plant.frame(NOON, FULL))

    assert (result.stored, result.repeated) == (1, 0)
    chunk = RawChunk.objects.get()
    row = Reading.objects.values().get()
    assert row == {
        "point_id": plant.points[0].pk,
        "measured_at": NOON,
        "received_at": NOON,
        "p_kw": 7.75,
        "ua": 220.1,
        "ub": 220.2,
        "uc": 220.3,
        "ia": 12.1,
        "ib": 12.2,
        "ic": 12.3,
        "pf": 0.95,
        "energy_kwh": Decimal("80223.8670"),
        "flag": "N",
        "is_backfill": False,
        "chunk_id": chunk.id,
    }
    latest = LatestReading.objects.get()
    assert (latest.measured_at, latest.p_kw, latest.energy_kwh) == (NOON, 7.75, row["energy_kwh"])
    status = CollectorStatus.objects.get()
    assert (status.frame_count, status.first_measured_at, status.latest_peer) == (
        1,
        NOON,
        "192.0.2.1:4000",
    )
    window = ChangedWindow.objects.get()
    assert (window.enterprise_id, window.since, window.until, window.received_at) == (
        plant.collector.enterprise_id,
        NOON,
        NOON,
        NOON,
    )


def test_unknown_is_null_and_never_zero(plant: Plant) -> None:
    plant.take_in(
        plant.frame(NOON, "100001-Pt=0,100001-Ia=0,100001-Flag=D;100002-Ept=5,100002-Flag=N")
    )

    fault, partial = Reading.objects.order_by("point_id")
    assert (fault.p_kw, fault.ia, fault.flag) == (None, None, "D")
    assert (partial.p_kw, partial.energy_kwh, partial.flag) == (None, Decimal("5.0000"), "N")


def test_a_resend_is_stored_once(plant: Plant) -> None:
    raw = plant.frame(NOON, FULL)
    plant.take_in(raw)
    ChangedWindow.objects.all().delete()

    again = plant.take_in(raw, received_at=NOON + timedelta(seconds=10))

    assert (again.stored, again.repeated, again.conflicts) == (0, 1, 0)
    assert Reading.objects.get().received_at == NOON
    assert not ReadingConflict.objects.exists()
    assert not ChangedWindow.objects.exists()
    assert RawChunk.objects.count() == 2  # the archive has both


def test_the_first_value_wins_and_the_other_is_logged(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=10"))
    result = plant.take_in(plant.frame(NOON, "100001-Pt=20"))
    plant.take_in(plant.frame(NOON, "100001-Pt=20"))  # a resend of the refused one

    assert result.conflicts == 1
    assert Reading.objects.get().p_kw == 10
    assert LatestReading.objects.get().p_kw == 10
    conflict = ReadingConflict.objects.get()
    assert (conflict.kept["p_kw"], conflict.refused["p_kw"]) == (10, 20)
    issue = IntakeIssue.objects.get()
    assert (issue.reason, issue.mn, issue.code) == ("CONFLICT", plant.collector.mn, "100001")


def test_inside_one_batch_the_first_to_arrive_wins(plant: Plant) -> None:
    result = plant.take_in(
        plant.frame(NOON, "100001-Pt=10"),
        plant.frame(NOON, "100001-Pt=10"),
        plant.frame(NOON, "100001-Pt=30"),
        plant.frame(NOON, "100001-Pt=20"),
    )

    assert (result.stored, result.repeated, result.conflicts) == (1, 3, 2)
    assert Reading.objects.get().p_kw == 10
    assert LatestReading.objects.get().p_kw == 10
    assert {row.refused["p_kw"] for row in ReadingConflict.objects.all()} == {20, 30}


def test_two_circuits_may_share_a_request_number(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=1"), plant.frame(NOON, "100002-Pt=2"))

    assert [row.p_kw for row in Reading.objects.order_by("point_id")] == [1, 2]


def test_late_data_make_their_partitions_and_are_marked(plant: Plant) -> None:
    old = datetime(2019, 11, 18, 16, 30, tzinfo=UTC)

    plant.take_in(plant.frame(old, "100001-Pt=1"), plant.frame(NOON, "100001-Pt=2"))

    assert list(
        Reading.objects.order_by("measured_at").values_list("measured_at", "is_backfill")
    ) == [(old, True), (NOON, False)]
    assert LatestReading.objects.get().p_kw == 2
    status = CollectorStatus.objects.get()
    assert (status.first_measured_at, status.latest_measured_at) == (old, NOON)
    window = ChangedWindow.objects.get()
    assert (window.since, window.until) == (old, NOON)


def test_an_older_value_does_not_become_the_newest(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=2"))
    plant.take_in(plant.frame(NOON - timedelta(minutes=1), "100001-Pt=1"))

    assert LatestReading.objects.get().p_kw == 2
    assert Reading.objects.count() == 2


def test_the_mark_of_late_data_is_kept(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=2", rf="1"))

    assert Reading.objects.get().is_backfill


def test_chunks_form_a_chain_that_a_restart_continues(plant: Plant) -> None:
    raws = [plant.frame(NOON + timedelta(minutes=n), "100001-Pt=1") for n in range(4)]
    plant.take_in(raws[0])
    plant.take_in(raws[1])
    plant.store.release()
    plant.store = Store("test")
    plant.take_in(raws[2], raws[3])

    rows = list(RawChunk.objects.order_by("id"))
    assert {row.stream for row in rows} == {"test/0"}
    chunks = [
        archive.Chunk(
            row.id,
            row.received_at,
            row.frame_count,
            bytes(row.payload),
            bytes(row.previous_sha256),
            bytes(row.sha256),
        )
        for row in rows
    ]
    assert archive.find_broken(chunks) is None
    assert [f.raw for chunk in chunks for f in archive.unpack(chunk.payload)] == raws
    assert [chunk.frame_count for chunk in chunks] == [1, 1, 2]


def test_stored_frames_can_be_read_again(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=1;200001-Pt=7"))
    point = plant.points[1]
    point.circuit = "200001"
    point.save()

    again = list(reparse(bytes(RawChunk.objects.get().payload), load_directory()))

    assert [(row.point_id, row.p_kw) for row in again] == [(plant.points[0].pk, 1), (point.pk, 7)]


def test_problems_are_counted_and_bounded(plant: Plant) -> None:
    entry = plant.entry(plant.frame(NOON, "100001-Pt=NaN,100001-Ia=1e308,100001-Foo=1"))
    strange = [Entry(entry.raw, issues=(Issue("UNKNOWN_MN", f"MN{n}", ""),)) for n in range(1000)]

    plant.store.store_batch(Batch([entry, *strange]))
    plant.store.store_batch(Batch(strange))

    assert IntakeIssue.objects.count() <= 31
    assert IntakeIssue.objects.get(reason="BAD_VALUE", code="Pt").count == 1
    assert IntakeIssue.objects.get(reason="UNKNOWN_CODE", code="Foo").count == 1
    assert sum(row.count for row in IntakeIssue.objects.filter(reason="UNKNOWN_MN")) == 2000
    assert IntakeIssue.objects.get(mn="*").count > 1900
    assert not Reading.objects.exists()


def test_a_reading_without_one_usable_value_does_not_keep_the_true_one_out(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=NaN"))
    plant.take_in(plant.frame(NOON, "100001-Pt=7.5"))

    assert Reading.objects.get().p_kw == 7.5
    assert not ReadingConflict.objects.exists()


def test_a_value_that_its_flag_calls_bad_stands_as_unknown(plant: Plant) -> None:
    plant.take_in(plant.frame(NOON, "100001-Pt=0,100001-Flag=D"))

    reading = Reading.objects.get()
    assert (reading.p_kw, reading.flag) == (None, "D")


def test_a_batch_without_readings_is_archived(plant: Plant) -> None:
    plant.store.store_batch(Batch([Entry(plant.entry(plant.frame(NOON, "100001-Pt=1")).raw)]))

    assert RawChunk.objects.get().frame_count == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM meters_reading")
        assert cursor.fetchone() == (0,)
