"""The embedded servers: found, shared, stopped, killed and started again."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from powerwatch.runtime import broker, postgres
from powerwatch.runtime.environment import open_services, wait_until_stopped
from powerwatch.runtime.postgres import PostgresServer
from powerwatch.runtime.processes import read_json

from .conftest import (
    Launcher,
    broker_pid,
    cluster_state,
    eventually,
    postmaster,
    processes_of,
    sql,
)

Launch = Callable[[], Launcher]


def wait_for_end(state: Path) -> None:
    for kind in ("postgres", "valkey"):
        assert wait_until_stopped(state / kind, seconds=20)


def test_data_and_queued_tasks_are_kept_between_starts(launch: Launch, state: Path) -> None:
    first = launch()
    sql(first.environment["DATABASE_URL"], "CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(first.environment["REDIS_URL"]).rpush("queue", "a", "b")
    first.leave()
    assert eventually(lambda: not processes_of(state))
    second = launch()
    assert sql(second.environment["DATABASE_URL"], "SELECT answer FROM kept") == "42"
    queue = redis.Redis.from_url(second.environment["REDIS_URL"]).lrange("queue", 0, -1)
    assert queue == [b"a", b"b"]
    secret = "POWERWATCH_SECRET_KEY_FILE"
    assert first.environment[secret] == second.environment[secret]


def test_killing_the_launcher_stops_the_servers_cleanly(launch: Launch, state: Path) -> None:
    launcher = launch()
    with psycopg.connect(launcher.environment["DATABASE_URL"]):  # a client does not hold it up
        launcher.kill()
        assert eventually(lambda: not processes_of(state))
    assert cluster_state(state / "postgres/data") == "shut down"
    assert not (state / "postgres/endpoint.json").exists()


def test_killing_the_keepers_stops_the_servers_cleanly_and_the_next_start_is_not_fooled(
    launch: Launch, state: Path
) -> None:
    first = launch()
    redis.Redis.from_url(first.environment["REDIS_URL"]).rpush("queue", "a")
    stale = state / "postgres/endpoint.json"
    for kind in ("postgres", "valkey"):
        endpoint = read_json(state / kind / "endpoint.json")
        assert endpoint
        os.kill(endpoint["pid"], signal.SIGKILL)
    assert eventually(lambda: set(processes_of(state)) == {first.process.pid})
    assert cluster_state(state / "postgres/data") == "shut down"
    assert stale.exists()
    second = launch()
    assert sql(second.environment["DATABASE_URL"], "SELECT 1") == "1"
    assert redis.Redis.from_url(second.environment["REDIS_URL"]).llen("queue") == 1
    first.leave()
    assert sql(second.environment["DATABASE_URL"], "SELECT 1") == "1"


def test_a_killed_postmaster_and_broker_come_back_on_the_same_ports(
    launch: Launch, state: Path
) -> None:
    launcher = launch()
    url = launcher.environment["DATABASE_URL"]
    sql(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    client = redis.Redis.from_url(launcher.environment["REDIS_URL"])
    client.rpush("queue", *range(500))
    before = postmaster(state), broker_pid(launcher)
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        try:
            with psycopg.connect(url) as connection:
                row = connection.execute("SELECT answer FROM kept").fetchone()
            return row == (42,) and client.llen("queue") == 500
        except (psycopg.OperationalError, redis.ConnectionError, redis.BusyLoadingError):
            return False

    assert eventually(answers)
    after = postmaster(state), broker_pid(launcher)
    assert not set(before) & set(after)


def test_kill_of_everything_at_once_loses_no_commit(launch: Launch, state: Path) -> None:
    first = launch()
    sql(first.environment["DATABASE_URL"], "CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(first.environment["REDIS_URL"]).rpush("queue", "a")
    broker = broker_pid(first)
    for pid in [*processes_of(state), broker]:
        os.kill(pid, signal.SIGKILL)
    second = launch()
    assert sql(second.environment["DATABASE_URL"], "SELECT answer FROM kept") == "42"
    assert redis.Redis.from_url(second.environment["REDIS_URL"]).llen("queue") == 1


def test_launchers_that_race_share_one_set_of_servers(launch: Launch, state: Path) -> None:
    racers = [launch() for _ in range(3)]
    assert racers[0].environment == racers[1].environment == racers[2].environment
    keepers = [name for name in processes_of(state).values() if "runtime.keeper" in name]
    assert len(keepers) == 2
    racers[0].leave()
    racers[1].kill()
    assert sql(racers[2].environment["DATABASE_URL"], "SELECT 1") == "1"
    racers[2].leave()
    wait_for_end(state)


def test_a_start_during_the_stop_waits_for_it(launch: Launch, state: Path) -> None:
    for _ in range(3):
        launcher = launch()
        assert sql(launcher.environment["DATABASE_URL"], "SELECT 1") == "1"
        launcher.kill()


def test_an_unrelated_process_with_the_noted_id_does_not_block_the_start(
    launch: Launch, state: Path
) -> None:
    first = launch()
    sql(first.environment["DATABASE_URL"], "CREATE TABLE kept AS SELECT 42 AS answer")
    first.leave()
    wait_for_end(state)
    # As a container leaves it that was switched off: its ids are soon somebody else's.
    pid_file = state / "postgres/data/postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n5432\n\n127.0.0.1\n\nready\n")
    os.chown(pid_file, *(getattr(pid_file.parent.stat(), name) for name in ("st_uid", "st_gid")))
    assert sql(launch().environment["DATABASE_URL"], "SELECT answer FROM kept") == "42"


def test_half_made_data_are_made_anew(launch: Launch, state: Path) -> None:
    (state / "postgres/data.new").mkdir(parents=True)
    (state / "postgres/data.new/PG_VERSION").write_text("18\n")
    assert sql(launch().environment["DATABASE_URL"], "SELECT 1") == "1"


@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_a_taken_port_is_passed_over(
    kind: str, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server: PostgresServer | broker.BrokerServer
        module, server = {
            "postgres": lambda: (postgres, PostgresServer(state / kind, durable=False)),
            "valkey": lambda: (broker, broker.BrokerServer(state / kind, durable=False)),
        }[kind]()
        real = module.pick_port
        offered = [taken.getsockname()[1]]
        monkeypatch.setattr(module, "pick_port", lambda: offered.pop() if offered else real())
        try:
            assert server.start() != taken.getsockname()[1]
            assert server.is_answering()
        finally:
            server.stop()


def test_an_external_database_and_broker_start_nothing(state: Path) -> None:
    given = {
        "DATABASE_URL": "postgresql://db.example.org/powerwatch",
        "DATABASE_URL_WEB": "postgresql://web@db.example.org/powerwatch",
        "REDIS_URL": "redis://redis.example.org/0",
        "POWERWATCH_SECRET_KEY": "given",
    }
    with open_services(state, environ=given) as services:
        assert services.environment == {"POWERWATCH_STATE_DIR": str(state)}
        assert services.child_environment(given) == given | services.environment
        assert list(state.iterdir()) == []
        assert not processes_of(state)


def test_only_what_is_not_given_is_started(state: Path) -> None:
    given = {"DATABASE_URL": "postgresql://db.example.org/powerwatch"}
    with open_services(state, environ=given) as services:
        assert set(services.environment) == {
            "POWERWATCH_STATE_DIR",
            "REDIS_URL",
            "POWERWATCH_SECRET_KEY_FILE",
        }
        assert not (state / "postgres").exists()
