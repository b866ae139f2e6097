"""A keeper holds one server up for as long as anyone uses it, then stops it cleanly.

`python -m powerwatch.runtime.keeper postgres|valkey FOLDER durable|throwaway`, started by
environment.py. It writes one JSON line to standard output when the server is ready (or cannot
be had), and from then on only to its log.

Files in FOLDER: users.lock (shared by users, wanted by the keeper), keeper.lock (held while a
keeper lives), endpoint.json (where the server is, 0600).
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO

from .broker import BrokerServer
from .postgres import PostgresServer
from .processes import (
    RuntimeProblem,
    describe_exit,
    open_lock,
    try_lock,
    wait_until,
    write_private,
)

SERVERS: dict[str, type[PostgresServer] | type[BrokerServer]] = {
    PostgresServer.name: PostgresServer,
    BrokerServer.name: BrokerServer,
}

_LOOK_EVERY_SECONDS = 0.1
# A server that dies more often than this in a minute will not get well by another start.
_RESTARTS_A_MINUTE = 5


class Keeper:
    """Runs a server until its users.lock is free or somebody sends SIGTERM."""

    def __init__(self, server: PostgresServer | BrokerServer) -> None:
        self.server = server
        self._asked_to_stop = False
        self._restarts: list[float] = []

    def run(self, users: IO[bytes]) -> int:
        """Watch the running server, then stop it; return an exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            while not self._asked_to_stop and not try_lock(users):
                code = self.server.poll()
                if code is not None:
                    self._start_again(code)
                time.sleep(_LOOK_EVERY_SECONDS)
        finally:
            self.server.stop()
        return 0

    def _start_again(self, code: int) -> None:
        """Bring a server that died back on the same port: its clients reconnect there."""
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if at > now - 60] + [now]
        if len(self._restarts) > _RESTARTS_A_MINUTE:
            raise RuntimeProblem(f"{self.server.name} keeps dying ({describe_exit(code)})")
        _log(f"{self.server.name} ended by itself ({describe_exit(code)}); starting it again")
        self.server.start(self.server.port)

    def _stop(self, *_signal: object) -> None:
        self._asked_to_stop = True


def main(arguments: list[str]) -> int:
    """Keep the server that the arguments name; return an exit code."""
    name, folder, durability = arguments[0], Path(arguments[1]), arguments[2]
    endpoint = folder / "endpoint.json"
    with open_lock(folder / "keeper.lock") as alive, open_lock(folder / "users.lock") as users:
        if not wait_until(lambda: try_lock(alive), 90):
            _report({"problem": f"another keeper holds {folder}"})
            return 1
        try:
            server = SERVERS[name](folder, durable=durability != "throwaway")
            server.start()
        except (RuntimeProblem, OSError) as problem:
            _report({"problem": str(problem)})
            return 1
        write_private(endpoint, json.dumps({"pid": os.getpid()} | server.endpoint()))
        _report({"ready": True})
        try:
            return Keeper(server).run(users)
        except RuntimeProblem as problem:
            _log(str(problem))
            return 1
        finally:
            endpoint.unlink(missing_ok=True)


def _report(message: dict[str, object]) -> None:
    """Tell the starter, who may be gone already, and let go of its pipe."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _log(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
