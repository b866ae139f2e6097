"""Real processes for tests: each on the test database, each ended by its own id."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from powerwatch.settings import _database_for

ROOT = Path(__file__).resolve().parent.parent


def wait_until(condition: Callable[[], object], *, seconds: float = 15.0, what: str = "") -> object:
    """Return the first true value of ``condition``, or fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


def own_redis_url() -> str:
    """Return a broker database that no other test process uses."""
    worker = int((os.environ.get("PYTEST_XDIST_WORKER") or "gw0")[2:])
    return urlunsplit(urlsplit(settings.REDIS_URL)._replace(path=f"/{8 + worker}"))


def database_url(role: str) -> str:
    """Return the URL of the test database for a process role."""
    own = _database_for(role)
    login = quote(str(own["USER"]))
    if own["PASSWORD"]:
        login += ":" + quote(str(own["PASSWORD"]), safe="")
    return f"postgresql://{login}@{own['HOST']}:{own['PORT']}/{connection.settings_dict['NAME']}"


class Process:
    """A subprocess with its output collected line by line."""

    def __init__(self, *command: str, role: str = "owner", **environment: str) -> None:
        own = {
            "DATABASE_URL": database_url("owner"),
            f"DATABASE_URL_{role.upper()}": database_url(role),
            "REDIS_URL": own_redis_url(),
            "POWERWATCH_DB_ROLE": role,
            "POWERWATCH_SECRET_KEY": settings.SECRET_KEY,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | own | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, pattern: str, *, seconds: float = 30.0) -> re.Match[str]:
        """Return the match of the first output line that fits; fail with the output otherwise."""

        def found() -> re.Match[str] | None:
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            if self.process.poll() is not None:
                raise AssertionError(
                    f"ended with {self.process.returncode}:\n" + "\n".join(self.lines)
                )
            return None

        try:
            return wait_until(found, seconds=seconds)  # type: ignore[return-value]
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.lines)) from None

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self._finish()

    def stop(self, *, seconds: float = 15.0) -> int:
        """SIGTERM and wait; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._finish()
        return int(self.process.returncode)

    def _finish(self) -> None:
        self.process.wait()
        self._reader.join(5)
        if self.process.stdout:
            self.process.stdout.close()
