"""Small facts about processes, ports and locks that the rest of the runtime stands on."""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

LOOPBACK = "127.0.0.1"

# Below 32768: from there on Linux hands ports to outgoing connections, and one of those may hold
# the port that was free a moment ago.
_SERVER_PORTS = range(20_000, 32_000)

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class RuntimeProblem(Exception):
    """The machine or a server refused something; the message says what and what to do."""


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel send death_signal to the child when we die.

    The kernel ties this to the thread that forked, so only the main thread may start such a
    child; raises RuntimeProblem elsewhere. On other systems than Linux the child gets nothing.
    Popen runs a preexec_fn after its change of user, which is needed: that change clears it.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeProblem("servers and supervised processes start from the main thread only")
    parent = os.getpid()

    def ask_kernel() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_kernel


def is_port_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether a server could listen on (host, port) now; a moment later it may be taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if problem.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def pick_port(host: str = LOOPBACK) -> int:
    """Return a port that is free now and outside the range of outgoing connections."""
    for port in random.sample(_SERVER_PORTS, 200):
        if is_port_free(port, host):
            return port
    raise RuntimeProblem("no free TCP port between 20000 and 31999")


def next_free_port(first: int, host: str = LOOPBACK) -> int:
    """Return `first`, or the next port above it that is free on host."""
    for port in range(first, min(first + 200, 65536)):
        if is_port_free(port, host):
            return port
    raise RuntimeProblem(f"no free TCP port from {first} on")


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.02) -> bool:
    """Ask `condition` until it holds, at most `seconds` long; return whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


def open_lock(path: Path) -> IO[bytes]:
    """Open (creating it 0600) a file to lock; closing it, or dying, releases the lock."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")


def try_lock(lock: IO[bytes], *, shared: bool = False) -> bool:
    """Take the lock if it is free for us; return whether we have it."""
    try:
        fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def exclusive(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock file at `path` alone; raise RuntimeProblem if not had within `seconds`."""
    with open_lock(path) as lock:
        if not wait_until(lambda: try_lock(lock), seconds):
            raise RuntimeProblem(f"another start is still under way (waited for {path.name})")
        yield


def is_locked(path: Path) -> bool:
    """Say whether a living process holds the lock file at `path` exclusively."""
    if not path.exists():
        return False
    with open_lock(path) as lock:
        return not try_lock(lock, shared=True)


def make_private_folder(path: Path) -> Path:
    """Create a folder of ours with mode 0700, leaving its parents as they are; return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file whole, mode 0600, so that a reader sees the old text or the new."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, or None where there is none or half of one."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) else None


def open_log(path: Path, *, keep_bytes: int = 10_000_000) -> IO[bytes]:
    """Open a log 0600 for appending; one that has outgrown keep_bytes becomes `NAME.1`."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > keep_bytes:
            path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def last_lines(path: Path, count: int = 15) -> str:
    """Return the last lines of a text file, "" where there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 20_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def describe_exit(code: int) -> str:
    """Say a Popen return code in words: "exit code 3" or "signal SIGKILL"."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
