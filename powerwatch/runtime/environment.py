# ruff: noqa: S603 - every command here is our own
"""The services that the project's commands need, and the environment that tells where they are.

`DATABASE_URL` and `REDIS_URL` in the environment win: then nothing of that kind is started and
the role URLs are passed on as given. What is unset is started from wheels on 127.0.0.1, or found
running and shared.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .broker import broker_answers
from .postgres import PostgresServer, discard_postgres, postgres_answers
from .processes import (
    LOOPBACK,
    RuntimeProblem,
    exclusive,
    is_locked,
    make_private_folder,
    open_lock,
    open_log,
    read_json,
    try_lock,
    wait_until,
    write_private,
)

PROJECT_ROOT = Path(__file__).resolve().parents[2]

# Role of a process -> name of the variable with its URL. The owner's is DATABASE_URL itself.
ROLE_VARIABLES = {
    "owner": "DATABASE_URL",
    "web": "DATABASE_URL_WEB",
    "worker": "DATABASE_URL_WORKER",
    "gateway": "DATABASE_URL_GATEWAY",
}

# First start on a slow disk: initdb, then recovery after a crash.
_START_SECONDS = 180.0


@dataclass
class Services:
    """What open_services gives: variables for child processes, and locks for them to inherit."""

    state: Path
    environment: dict[str, str] = field(default_factory=dict)
    locks: list[IO[bytes]] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)

    @property
    def inheritable(self) -> tuple[int, ...]:
        """For Popen(pass_fds=...): the servers then stay up until that child too has ended."""
        return tuple(lock.fileno() for lock in self.locks)

    def trouble(self) -> str | None:
        """Say which embedded server is gone for good; None while all are kept up."""
        for kind in self.embedded:
            if not is_locked(self.state / kind / "keeper.lock"):
                return f"{kind} is gone, see {self.state / kind}"
        return None

    def child_environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return `base` (ours by default) with the variables of the services on top."""
        return dict(os.environ if base is None else base) | self.environment


def default_state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return POWERWATCH_STATE_DIR, or `.powerwatch` in the project."""
    given = (os.environ if environ is None else environ).get("POWERWATCH_STATE_DIR")
    return Path(given).absolute() if given else PROJECT_ROOT / ".powerwatch"


@contextlib.contextmanager
def open_services(
    state: Path | None = None,
    *,
    durable: bool = True,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Services]:
    """Have PostgreSQL and the broker answering, and give the variables that lead to them.

    state: private folder of the data, made 0700 if missing; default_state_folder() by default.
    durable: False turns fsync off, for throw-away data only.
    environ: where DATABASE_URL, REDIS_URL and the secret key may be set; os.environ by default.
    Servers already up over the same folder are shared; the last user's leaving stops them.
    Raises RuntimeProblem with the reason if a server cannot be had.
    """
    environ = os.environ if environ is None else environ
    services = Services(make_private_folder(state or default_state_folder(environ)))
    services.environment["POWERWATCH_STATE_DIR"] = str(services.state)
    try:
        if not environ.get("DATABASE_URL"):
            services.environment |= _database_variables(_attach(services, "postgres", durable))
        if not environ.get("REDIS_URL"):
            broker = _attach(services, "valkey", durable)
            services.environment["REDIS_URL"] = (
                f"redis://:{broker['password']}@{LOOPBACK}:{broker['port']}/0"
            )
        if not environ.get("POWERWATCH_SECRET_KEY") and not environ.get(
            "POWERWATCH_SECRET_KEY_FILE"
        ):
            key_file = str(_secret_key_file(services.state))
            services.environment["POWERWATCH_SECRET_KEY_FILE"] = key_file
        yield services
    finally:
        for lock in services.locks:
            lock.close()


@contextlib.contextmanager
def throwaway_services(*, durable: bool) -> Iterator[Services]:
    """Like open_services, over a new temporary folder that is removed afterwards."""
    state = Path(tempfile.mkdtemp(prefix="powerwatch-"))
    try:
        with open_services(state, durable=durable) as services:
            yield services
    finally:
        for kind in ("postgres", "valkey"):
            wait_until_stopped(state / kind)
        discard_postgres(state / "postgres")
        shutil.rmtree(state, ignore_errors=True)


def wait_until_stopped(folder: Path, *, seconds: float = 60) -> bool:
    """Wait for the keeper over a server's folder to have stopped its server; return whether."""
    return wait_until(lambda: not is_locked(folder / "keeper.lock"), seconds)


def _attach(services: Services, kind: str, durable: bool) -> dict[str, Any]:
    """Join the users of a running server, or start one; return its endpoint."""
    folder = make_private_folder(services.state / kind)
    with exclusive(folder / "start.lock", seconds=_START_SECONDS):
        users = open_lock(folder / "users.lock")
        # Refused only while a keeper without users stops its server.
        if not wait_until(lambda: try_lock(users, shared=True), 90):
            users.close()
            raise RuntimeProblem(f"{kind} is still stopping; try again in a moment")
        services.locks.append(users)
        endpoint = _running(folder, kind) or _start_keeper(folder, kind, durable)
        services.embedded.append(kind)
        return endpoint


def _running(folder: Path, kind: str) -> dict[str, Any] | None:
    """The endpoint of a server that is up; an endpoint file alone may be left from a kill -9."""
    deadline = time.monotonic() + 30
    while is_locked(folder / "keeper.lock") and time.monotonic() < deadline:
        endpoint = read_json(folder / "endpoint.json")
        if endpoint and _answers(kind, endpoint):
            return endpoint
        time.sleep(0.1)  # being restarted by its keeper, or stopping
    (folder / "endpoint.json").unlink(missing_ok=True)
    return None


def _answers(kind: str, endpoint: dict[str, Any]) -> bool:
    if kind == PostgresServer.name:
        return postgres_answers(endpoint["port"])
    return broker_answers(endpoint["port"], endpoint["password"])


def _start_keeper(folder: Path, kind: str, durable: bool) -> dict[str, Any]:
    module = "powerwatch.runtime.keeper"
    durability = "durable" if durable else "throwaway"
    with open_log(folder / "keeper.log", keep_bytes=1_000_000) as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", module, kind, str(folder), durability],
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is not for it: it goes by users.lock
        )
    with keeper.stdout or contextlib.nullcontext() as pipe:
        line = pipe.readline() if pipe else b""
    # It outlives us by design, so we shall not wait for it; without this, Popen warns of that.
    keeper.returncode = 0
    endpoint = read_json(folder / "endpoint.json")
    if b'"ready"' in line and endpoint:
        return endpoint
    text = line.decode(errors="replace").strip()
    with contextlib.suppress(ValueError):
        text = str(json.loads(text)["problem"])
    raise RuntimeProblem(text or f"{kind} was not started; see {folder / 'keeper.log'}")


def _database_variables(endpoint: dict[str, Any]) -> dict[str, str]:
    return {
        variable: (
            f"postgresql://powerwatch_{role}:{endpoint['passwords'][f'powerwatch_{role}']}"
            f"@{LOOPBACK}:{endpoint['port']}/{endpoint['database']}"
        )
        for role, variable in ROLE_VARIABLES.items()
    }


def _secret_key_file(state: Path) -> Path:
    path = state / "secret-key"
    with exclusive(state / "secret-key.lock", seconds=10):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(64))
    return path
