"""A collector against a real host on the loopback: asked, answered, cut off, restarted."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from meters.protocol import Frame, parse_datetime
from meters.simulator.collectors import CollectorClient, Throttle, Timing
from meters.simulator.fleet import Fleet
from meters.simulator.incidents import DISCONNECTIONS, Kind, Plan
from meters.simulator.machines import Plant
from meters.simulator.plants import Feed
from tests.meters.simulator.host import Host, running_host
from tests.meters.simulator.plants import make_plant, make_plants

QUICK = Timing(
    answer_s=0.15,
    resends=2,
    connect_s=1.0,
    heartbeat_s=0.3,
    first_backoff_s=0.05,
    longest_backoff_s=0.1,
    look_s=0.05,
)
#: Measures each second instead of each minute.
SPEED = 60.0


def quiet_client(plant: Plant, host: Host, **options: object) -> CollectorClient:
    feed = Feed(plant, Plan([plant], int(time.time()), is_quiet=True))
    values: dict = {"host": "127.0.0.1", "port": host.port, "timing": QUICK, "speed": SPEED}
    return CollectorClient(feed, **{**values, **options})


@asynccontextmanager
async def running(client: CollectorClient | Fleet) -> AsyncIterator[None]:
    work = (
        client.run()
        if isinstance(client, CollectorClient)
        else client.run(asyncio.Event(), lambda fleet: None)
    )
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def times(frames: list[Frame]) -> list[int]:
    moments = [parse_datetime(frame.fields["DataTime"]) for frame in frames]
    return sorted({int(moment.timestamp()) for moment in moments if moment})


def test_it_uploads_every_circuit_once_and_asks_for_an_answer():
    async def scenario() -> None:
        async with running_host() as host:
            client = quiet_client(make_plant(), host)
            async with running(client):
                await until(lambda: len(times(host.of("2011"))) >= 2)
            first = times(host.of("2011"))[0]
            frames = [f for f in host.of("2011") if times([f]) == [first]]
            codes = Counter(code for frame in frames for code in frame.factors)
            circuits = {code[1] + code[4:] for code in codes}
            assert circuits == {m.circuit for m in client.plant.machines}
            assert set(codes.values()) == {1}
            assert len(codes) == 9 * len(client.plant.machines)
            assert {(f.flag, f.st, f.pw) for f in frames} == {(9, "44", "123456")}
            assert len({f.qn for f in host.frames}) == len(host.frames)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("profile", "flag", "st"), [("st80-family-a", 5, "80"), ("st80-family-b", 5, "80")]
)
def test_the_older_families_speak_2017(profile, flag, st):
    async def scenario() -> None:
        async with running_host() as host:
            plant = make_plant(profile=profile)
            machines = tuple(
                replace(m, circuit=f"{n:02d}" if profile.endswith("a") else f"{100000 + n}")
                for n, m in enumerate(plant.machines, 1)
            )
            async with running(quiet_client(replace(plant, machines=machines), host)):
                await until(lambda: host.frames)
            frame = host.frames[0]
            assert (frame.cn, frame.flag, frame.st) == ("2011", flag, st)

    asyncio.run(scenario())


def test_a_frame_without_an_answer_is_sent_again_as_it_was():
    async def scenario() -> None:
        async with running_host() as host:
            host.drop_next = 1
            client = quiet_client(make_plant(), host)
            async with running(client):
                await until(lambda: len(host.frames) >= 2)
                await until(lambda: client._counters.answered >= 2)
            assert client._counters.resent == 1
            assert host.connections == 1
            assert {frame.rf for frame in host.frames} == {None}

    asyncio.run(scenario())


def test_what_was_never_answered_comes_again_as_back_fill_over_a_new_connection():
    async def scenario() -> None:
        async with running_host() as host:
            host.answers = lambda frame: frame.rf == "1"  # deaf to whatever is live
            client = quiet_client(make_plant(), host)
            async with running(client):
                await until(lambda: [f for f in host.of("2011") if f.rf is None])
                unanswered = times([f for f in host.of("2011") if f.rf is None])[0]

                def of_it() -> list[Frame]:
                    return [f for f in host.of("2011") if times([f]) == [unanswered]]

                await until(lambda: "1" in {f.rf for f in of_it()})
            assert host.connections >= 2
            assert len([f for f in of_it() if f.rf is None]) >= 2  # it was sent again first

    asyncio.run(scenario())


def test_a_restart_of_the_host_loses_no_measurement():
    async def scenario() -> None:
        async with running_host() as host:
            client = quiet_client(make_plant(), host)
            async with running(client):
                await until(lambda: len(times(host.of("2011"))) >= 1)
                await host.stop()
                await asyncio.sleep(2.2)
                await host.start()
                await until(lambda: client._counters.backfilled >= 2)
                await until(lambda: not client.kept_count)
            seen = times(host.of("2011"))
            assert seen == list(range(seen[0], seen[-1] + 1))
            assert "1" in {f.rf for f in host.frames}

    asyncio.run(scenario())


def test_at_the_start_it_back_fills_from_where_the_record_ends():
    async def scenario() -> None:
        now = int(time.time())
        async with running_host() as host:
            plant = make_plant()
            record_end = plant.grid(now - 600, now)[0]
            client = quiet_client(plant, host, speed=1.0, record_end=record_end)
            async with running(client):
                await until(lambda: client._counters.backfilled >= 9)
            late = [f for f in host.of("2011") if f.rf == "1"]
            assert times(late)[:9] == list(plant.grid(record_end + 1, now + 1))[:9]
            registers = [float(f.factors["d20901"]["Rtd"]) for f in late if "d20901" in f.factors]
            assert registers == sorted(registers)

    asyncio.run(scenario())


def test_live_registers_go_on_exactly_where_those_of_the_gap_end():
    plant = make_plant()
    now = int(time.time())
    straight = Feed(plant, Plan([plant], now, is_quiet=True))
    for at in plant.grid(now - 3600, now + 1):
        straight.measure(at)
    feed = Feed(plant, Plan([plant], now, is_quiet=True))
    first = plant.grid(now - 3600, now)[0]
    feed.measure(first)
    client = CollectorClient(
        feed, host="127.0.0.1", port=1, record_end=first, clock=lambda: float(now)
    )
    gap = [reading for moment in client._open_gap() for reading in moment.readings]
    assert gap
    at = plant.grid(now + 1, now + 62)[0]
    assert feed.measure(at) == straight.measure(at)


def test_it_remembers_no_more_than_two_hours():
    async def scenario() -> None:
        async with running_host() as host:
            client = quiet_client(make_plant(), host, record_end=int(time.time()) - 86_400)
            gap = client._open_gap()
            assert 119 <= sum(1 for _ in gap) <= 121

    asyncio.run(scenario())


def test_while_the_plan_takes_its_connection_it_keeps_what_it_measures():
    async def scenario() -> None:
        plants = make_plants(6)
        plan = Plan(plants, int(time.time()))
        silent = next(i for i in plan.opening if i.kind is Kind.SILENT)
        assert silent.kind in DISCONNECTIONS
        async with running_host() as host:
            plant = next(p for p in plants if p.key == silent.plant)
            client = CollectorClient(
                Feed(plant, plan), host="127.0.0.1", port=host.port, timing=QUICK, speed=SPEED
            )
            async with running(client):
                await until(lambda: client.kept_count >= 2)
            assert host.connections == 0

    asyncio.run(scenario())


def test_it_answers_its_host():
    async def scenario() -> None:
        async with running_host() as host:
            client = quiet_client(make_plant(), host)
            async with running(client):
                await until(lambda: host.frames)
                await host.ask("1012", "SystemTime=20261123160000")
                await until(lambda: host.of("9012"))
                assert host.of("9011")[0].fields == {"QnRtn": "1"}
                assert host.of("9012")[0].fields == {"ExeRtn": "1"}
                await host.ask("1011")
                await until(lambda: host.of("1011"))
                assert "SystemTime" in host.of("1011")[0].fields
                await host.ask("1012", pw="654321")
                await until(lambda: host.of("9011")[-1].fields == {"QnRtn": "3"})
                await host.ask("3012")
                await until(lambda: host.of("9011")[-1].fields == {"QnRtn": "8"})
                await host.ask("1062", "RtdInterval=120")
                await until(lambda: client._interval_s == 120)

    asyncio.run(scenario())


def test_a_collector_of_2025_shows_that_it_lives():
    async def scenario() -> None:
        async with running_host() as host:
            async with running(quiet_client(make_plant(), host, speed=1.0)):
                await until(lambda: host.of("9015"))
            beat = host.of("9015")[0]
            assert (beat.flag, beat.cp) == (9, "")

    asyncio.run(scenario())


def test_a_throttle_spaces_back_fill_and_not_live_data():
    async def scenario() -> None:
        throttle = Throttle(per_second=20)
        begun = time.monotonic()
        await asyncio.gather(*(throttle.turn() for _ in range(11)))
        assert 0.45 <= time.monotonic() - begun < 1.0

    asyncio.run(scenario())


def test_a_fleet_runs_until_it_is_stopped():
    async def scenario() -> None:
        async with running_host() as host:
            plants = make_plants(5)
            plan = Plan(plants, int(time.time()), is_quiet=True)
            fleet = Fleet(plants, plan, host="127.0.0.1", port=host.port, speed=SPEED, timing=QUICK)
            stop, reports = asyncio.Event(), []
            task = asyncio.create_task(
                fleet.run(stop, lambda f: reports.append(f.counters.connected), every_s=0.2)
            )
            await until(lambda: len({f.mn for f in host.of("2011")}) == 5 and 5 in reports)
            stop.set()
            async with asyncio.timeout(2):
                await task
            assert fleet.counters.connected == 0
            assert fleet.slowest_answer_s() < 1

    asyncio.run(scenario())
