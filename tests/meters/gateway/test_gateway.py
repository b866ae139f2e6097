"""A real gateway, real sockets, a real database: what is acknowledged, what is not, and when."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from meters.models import IntakeIssue, RawChunk, Reading, ReadingConflict
from meters.protocol import Message, encode, parse_datetime
from tests.meters.gateway.conftest import PROMPTLY, RunningGateway, Station, database_url
from tests.meters.ingest.conftest import frame_of

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MakeStation = Callable[[], Station]


def qn(number: int) -> str:
    return f"20261123120000{number:03d}"


def count_of(reason: str) -> int:
    return sum(IntakeIssue.objects.filter(reason=reason).values_list("count", flat=True))


def wait_for(what: Callable[[], bool], timeout: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def test_an_upload_is_stored_and_acknowledged(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()

    line.send(here.frame(NOW, "100001-Pt=7.5,100001-Flag=N", qn=qn(1)))

    [answer] = line.read()
    assert (answer.cn, answer.qn, answer.st, answer.mn, answer.flag, answer.cp) == (
        "9014",
        qn(1),
        "91",
        here.collector.mn,
        8,
        "",
    )
    assert Reading.objects.get().p_kw == 7.5
    with connection.cursor() as cursor:
        cursor.execute("SELECT usename FROM pg_stat_activity WHERE datname = current_database()")
        assert ("powerwatch_gateway",) in cursor.fetchall()


def test_twenty_frames_in_one_packet_are_answered_in_order(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()

    line.send(
        b"".join(
            here.frame(NOW - timedelta(minutes=n), f"100001-Pt={n}", qn=qn(n)) for n in range(20)
        )
    )

    assert [answer.qn for answer in line.read(20)] == [qn(n) for n in range(20)]
    assert Reading.objects.count() == 20


def test_one_byte_at_a_time(station: MakeStation, running_gateway: RunningGateway) -> None:
    here = station()
    line = running_gateway.dial()

    for byte in here.frame(NOW, "100001-Pt=1"):
        line.send(bytes([byte]))

    assert len(line.read()) == 1


def test_nothing_is_acknowledged_before_the_commit(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()
    with locked("meters_rawchunk"):
        line.send(here.frame(NOW, "100001-Pt=1"))
        assert line.read(timeout=1.0) == []
    assert len(line.read()) == 1


def test_a_resend_is_acknowledged_again_and_stored_once(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    raw = here.frame(NOW, "100001-Pt=1")
    for _ in range(3):
        line = running_gateway.dial()
        line.send(raw)
        assert len(line.read()) == 1
        line.close()

    line = running_gateway.dial()
    line.send(here.frame(NOW, "100001-Pt=2"))
    assert len(line.read()) == 1

    assert Reading.objects.get().p_kw == 1
    assert ReadingConflict.objects.get().refused["p_kw"] == 2
    assert count_of("CONFLICT") == 1


def test_frames_of_2005_are_stored_without_an_answer(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()

    line.send(here.frame(NOW, "100001-Pt=1", flag=None, qn=None))

    assert wait_for(Reading.objects.exists)
    assert line.read(timeout=0.3) == []


def test_time_request_heartbeat_and_unknown_command(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()
    mn = here.collector.mn

    def say(cn: str, number: int) -> None:
        line.send(encode(Message(qn=qn(number), st="80", cn=cn, pw="123456", mn=mn, flag=9, cp="")))

    say("9015", 1)
    say("1013", 2)
    say("4711", 3)
    heartbeat, noted, clock, unknown = line.read(4)
    assert (heartbeat.cn, heartbeat.qn) == ("9013", qn(1))
    assert (noted.cn, noted.qn) == ("9013", qn(2))
    assert (clock.cn, clock.st, clock.flag) == ("1012", "80", 9)
    told = parse_datetime(clock.fields["SystemTime"])
    assert told is not None
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)
    assert (unknown.cn, unknown.qn) == ("9014", qn(3))
    assert count_of("UNKNOWN_COMMAND") == 1


def test_a_collector_registered_a_moment_ago_is_let_in(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    line = running_gateway.dial()
    here = station()

    line.send(here.frame(NOW, "100001-Pt=1"))

    assert len(line.read()) == 1


def test_a_peer_that_closes_its_half_still_gets_its_answer(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()
    line.send(here.frame(NOW, "100001-Pt=1"))
    line.socket.shutdown(1)

    assert len(line.read()) == 1
    assert line.is_closed()


BAD_INPUT = {
    "junk": (b"GET / HTTP/1.1\r\n\r\n" * 20, "GARBAGE"),
    "length 9999": (b"##9999QN=1;" + b"x" * 300, "OVERLONG"),
    "length that is none": (b"##12x4QN=1;CP=&&&&" + b"x" * 30, "BAD_LENGTH"),
    "half a frame": (b"##0200QN=20261123120000000;ST=80;CN=2011;", "TRUNCATED"),
    "wrong check sum": (b"##0006CP=&&&&0000\r\n", None),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_bytes_are_counted_and_harm_nobody(
    name: str, station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    bad, good = running_gateway.dial(), running_gateway.dial()
    data, reason = BAD_INPUT[name]

    bad.send(data)

    slowest = 0.0
    for number in range(15):
        began = time.monotonic()
        good.send(here.frame(NOW - timedelta(minutes=number), "100001-Pt=1", qn=qn(number)))
        assert len(good.read()) == 1
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    assert slowest < PROMPTLY
    assert wait_for(lambda: count_of(reason) >= 1 if reason else IntakeIssue.objects.exists())
    bad.send(here.frame(NOW, "100002-Pt=1"))  # resynchronised
    assert len(bad.read()) == 1
    assert Reading.objects.count() == 16


def test_bad_contents_are_counted_by_reason(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    mn = here.collector.mn
    line = running_gateway.dial()
    with_answer = [
        here.frame("20990101000000", "100001-Pt=1", qn=qn(1)),
        here.frame("19700101000000", "100001-Pt=1", qn=qn(2)),
        here.frame("20261399000000", "100001-Pt=1", qn=qn(3)),
        here.frame(NOW, "100001-Pt=NaN,100001-Ia=1e308,100001-Ua=60000", qn=qn(4)),
        here.frame(NOW, "999999-Pt=1", qn=qn(5)),
        here.frame(NOW, "w01018-Rtd=1", st="32", qn=qn(6)),
        here.frame(NOW, "100002-\0Pt=1,100002-Flag=\0\0", qn=qn(7)),
    ]
    without_answer = [
        frame_of("F" * 24, NOW, "100001-Pt=9", qn=qn(8)),
        here.frame(NOW, "100001-Pt=9", pw="654321", qn=qn(9)),
    ]

    for raw in (*without_answer, *with_answer):
        line.send(raw)

    assert [answer.qn for answer in line.read(7)] == [qn(n) for n in range(1, 8)]
    assert line.read(timeout=0.3) == []
    counted = dict(
        IntakeIssue.objects.exclude(reason="BAD_VALUE").values_list("reason", "count").distinct()
    )
    assert counted == {
        "FUTURE_TIME": 1,
        "ANCIENT_TIME": 1,
        "BAD_TIME": 1,
        "UNKNOWN_CIRCUIT": 1,
        "NO_PROFILE": 1,
        "UNKNOWN_MN": 1,
        "WRONG_PASSWORD": 1,
        "UNKNOWN_CODE": 1,
    }
    assert set(IntakeIssue.objects.filter(reason="BAD_VALUE").values_list("code", flat=True)) == {
        "Pt",
        "Ia",
        "Ua",
    }
    # The frame of NaN, 1e308 and 60,000 V left no row; the one with a flag of its own did.
    values = Reading.objects.values_list("point__circuit", "p_kw", "ia", "ua")
    assert list(values) == [("100002", None, None, None)]
    assert sum(RawChunk.objects.values_list("frame_count", flat=True)) == 9
    assert IntakeIssue.objects.get(reason="UNKNOWN_MN").mn == "F" * 24
    assert mn in set(IntakeIssue.objects.values_list("mn", flat=True))


def test_a_disabled_collector_is_not_answered(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    here.collector.is_enabled = False
    here.collector.save()
    line = running_gateway.dial()

    line.send(here.frame(NOW, "100001-Pt=1"))

    assert wait_for(lambda: count_of("DISABLED_MN") == 1)
    assert line.read(timeout=0.3) == []
    assert not Reading.objects.exists()


def test_a_peer_that_sends_only_junk_is_put_off(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    good = running_gateway.dial()
    junk = running_gateway.dial()
    try:
        for _ in range(200):
            junk.send(b"##0000" * 1000)
    except ConnectionError:
        pass
    assert junk.is_closed()

    began = time.monotonic()
    good.send(here.frame(NOW, "100001-Pt=1"))
    assert len(good.read()) == 1
    assert time.monotonic() - began < PROMPTLY
    assert IntakeIssue.objects.filter(latest_at__isnull=False).count() < 10


def test_more_connections_than_allowed_are_refused(
    station: MakeStation, make_gateway: Callable[..., RunningGateway]
) -> None:
    here = station()
    gateway = make_gateway(POWERWATCH_GATEWAY_MAX_CONNECTIONS="2")
    first, second = gateway.dial(), gateway.dial()
    for line in (first, second):
        line.send(here.frame(NOW, "100001-Pt=1"))
        assert len(line.read()) == 1

    assert gateway.dial().is_closed()
    assert wait_for(lambda: count_of("TOO_MANY_CONNECTIONS") == 1)
    first.close()
    time.sleep(0.2)
    third = gateway.dial()
    third.send(here.frame(NOW, "100002-Pt=1"))
    assert len(third.read()) == 1


def test_sigterm_stores_and_acknowledges_what_has_come(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()
    line.send(here.frame(NOW, "100001-Pt=1"))
    assert len(line.read()) == 1
    with locked("meters_rawchunk"):
        line.send(here.frame(NOW, "100002-Pt=2"))
        time.sleep(0.3)
        assert running_gateway.process is not None
        running_gateway.process.terminate()
        time.sleep(0.3)
    assert len(line.read()) == 1
    assert line.is_closed()
    assert running_gateway.process.wait(10) == 0
    assert Reading.objects.count() == 2
    with pytest.raises(ConnectionError):
        running_gateway.dial()


def test_a_lost_database_session_loses_nothing(
    station: MakeStation, running_gateway: RunningGateway
) -> None:
    here = station()
    line = running_gateway.dial()
    acked = 0
    for number in range(60):
        if number % 20 == 10:
            assert terminate_gateway_sessions() >= 1
        line.send(here.frame(NOW - timedelta(minutes=number), "100001-Pt=1", qn=qn(number)))
        acked += len(line.read())
    assert acked == 60
    assert Reading.objects.count() == 60
    assert set(RawChunk.objects.values_list("stream", flat=True)) == {
        RawChunk.objects.values_list("stream", flat=True)[0]
    }


def terminate_gateway_sessions() -> int:
    """End the sessions of the gateway, as its own role may; return how many."""
    with psycopg.connect(database_url("gateway")) as session:
        row = session.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND usename = current_user"
        ).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Hold a lock on a table, from a session of its own."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
        other.rollback()
