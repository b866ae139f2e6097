# ruff: noqa: S603, PLW1509 - every command here is our own; no threads here
"""Runs a set of processes as one: all of them, or none.

Their lines come out whole, one process's name before each. Ctrl-C or SIGTERM stops them in
reverse order; when one ends by itself the supervisor names it, shows its last lines and stops
the others. Everything happens in the main thread around one selector, so a line is never cut by
another and a child's wish to die with its parent is tied to a thread that lasts.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TextIO

from .processes import describe_exit, die_with_parent

_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
_TICK_SECONDS = 0.2
_MAX_LINE_BYTES = 64 * 1024
# All of them together; past this, each has half a second left.
_STOP_SECONDS = 30


@dataclass(frozen=True)
class ProcessSpec:
    """One process to supervise.

    ready: asked until it says True; None means ready as soon as started.
    after: names of processes that must be ready before this one starts.
    grace_seconds: how long it may take to stop after SIGTERM.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    ready_seconds: float = 90
    after: tuple[str, ...] = ()
    grace_seconds: float = 10


@dataclass
class _Child:
    spec: ProcessSpec
    process: subprocess.Popen[bytes]
    colour: str
    started: float
    partial: bytes = b""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=15))
    is_ready: bool = False


class Supervisor:
    """Supervises processes from `run` until the first of them ends or a signal comes."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        cwd: Path,
        pass_fds: tuple[int, ...] = (),
        out: TextIO | None = None,
        on_ready: Callable[[], None] = lambda: None,
        trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        """cwd, pass_fds: as for Popen, for every process.

        on_ready: called once, when all are ready. trouble: asked again and again; a text means
        that something else they need is gone, and ends the run as a dead process does.
        """
        self._waiting = list(specs)
        self._cwd = cwd
        self._pass_fds = pass_fds
        self._out = out or sys.stdout
        self._on_ready = on_ready
        self._trouble = trouble
        self._width = max((len(spec.name) for spec in specs), default=0)
        self._colours = self._out.isatty() and not os.environ.get("NO_COLOR")
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()
        self._stop_signal: int | None = None
        self._told_ready = False

    def run(self) -> int:
        """Start everything and stay until the end; return the exit code.

        0 after Ctrl-C or SIGTERM, 1 when a process ended or never became ready.
        """
        before = {
            number: signal.signal(number, self._ask_to_stop)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            failure = self._watch()
            if failure:
                self.say(failure)
            self._stop_all()
            if failure:
                self.say(failure.splitlines()[0])  # again, where the eye is
            return 1 if failure else 0
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for child in self._children:  # only where an exception cut the orderly stop short
                _kill_group(child)

    def say(self, text: str) -> None:
        """Print text of the supervisor's own, every line of it under its name."""
        for line in text.splitlines():
            self._print("dev", "1", line)

    # --- watching

    def _watch(self) -> str | None:
        """Start and watch; return why it ended, None when it was asked to."""
        while self._stop_signal is None:
            self._start_what_may_start()
            self._read_lines(_TICK_SECONDS)
            for child in self._children:
                code = child.process.poll()
                if code is not None:
                    return self._obituary(child, code)
                if not child.is_ready:
                    child.is_ready = child.spec.ready is None or child.spec.ready()
                    if not child.is_ready and _age(child) > child.spec.ready_seconds:
                        return (
                            f"{child.spec.name} did not become ready in "
                            f"{child.spec.ready_seconds:.0f} s; stopping the others"
                        )
            if trouble := self._trouble():
                return f"{trouble}; stopping everything"
            if (
                not self._told_ready
                and not self._waiting
                and all(child.is_ready for child in self._children)
            ):
                self._told_ready = True
                self._on_ready()
        return None

    def _start_what_may_start(self) -> None:
        ready = {child.spec.name for child in self._children if child.is_ready}
        for spec in [spec for spec in self._waiting if ready.issuperset(spec.after)]:
            self._waiting.remove(spec)
            process = subprocess.Popen(
                list(spec.command),
                cwd=self._cwd,
                env=dict(spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=self._pass_fds,
                # A group of its own: the terminal's Ctrl-C reaches us, and we stop it in turn.
                process_group=0,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
            colour = _COLOURS[len(self._children) % len(_COLOURS)]
            child = _Child(spec, process, colour, time.monotonic())
            self._children.append(child)
            if process.stdout is not None:
                os.set_blocking(process.stdout.fileno(), False)
                self._selector.register(process.stdout, selectors.EVENT_READ, child)

    def _obituary(self, child: _Child, code: int) -> str:
        self._drain(child)
        lines = "\n".join(f"    {line}" for line in child.tail)
        return (
            f"{child.spec.name} ended by itself ({describe_exit(code)}) after "
            f"{_age(child):.0f} s; stopping the others\n"
            + (f"  its last lines:\n{lines}" if lines else "  it had printed nothing")
        )

    def _ask_to_stop(self, number: int, _frame: object) -> None:
        self._stop_signal = number

    # --- stopping

    def _stop_all(self) -> None:
        """Stop in reverse order of start, each with its grace, so nobody misses one it needs."""
        if self._stop_signal is not None:
            self.say("stopping ...")
        begun = time.monotonic()
        for child in reversed(self._children):
            # To the process only: gunicorn and Celery stop their own workers in good order.
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
            left = max(0.5, _STOP_SECONDS - (time.monotonic() - begun))
            grace = min(child.spec.grace_seconds, left)
            deadline = time.monotonic() + grace
            while child.process.poll() is None and time.monotonic() < deadline:
                self._read_lines(0.02)
            if child.process.poll() is None:
                self.say(f"{child.spec.name} did not stop in {grace:.1f} s: killed")
            _kill_group(child)
            child.process.wait()
            self._drain(child)
        self._children.clear()
        if self._stop_signal is not None:
            self.say(f"stopped in {time.monotonic() - begun:.1f} s")

    # --- lines

    def _read_lines(self, seconds: float) -> None:
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _events in self._selector.select(seconds):
            self._read(key.fileobj, key.data)  # type: ignore[arg-type]

    def _read(self, pipe: IO[bytes], child: _Child) -> bool:
        """Print the whole lines that have come; return False at the end of the pipe."""
        part = pipe.read(_MAX_LINE_BYTES)
        if part is None:
            return True
        if not part:
            self._selector.unregister(pipe)
            pipe.close()
        *lines, child.partial = (child.partial + part).split(b"\n")
        if child.partial and (not part or len(child.partial) > _MAX_LINE_BYTES):
            lines, child.partial = [*lines, child.partial], b""
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            child.tail.append(text)
            self._print(child.spec.name, child.colour, text)
        return bool(part)

    def _drain(self, child: _Child) -> None:
        """Print what a dead child left in its pipe, without waiting for heirs that hold it."""
        pipe = child.process.stdout
        deadline = time.monotonic() + 0.5
        while pipe is not None and not pipe.closed and time.monotonic() < deadline:
            if not self._read(pipe, child):
                break
            time.sleep(0.01)

    def _print(self, name: str, colour: str, line: str) -> None:
        label = f"{name:<{self._width}} |"
        if self._colours:
            label = f"\x1b[{colour}m{label}\x1b[0m"
        # A reader that went away (`| head`) must not keep us from stopping what we started.
        with contextlib.suppress(BrokenPipeError):
            self._out.write(f"{label} {line}\n")
            self._out.flush()


def _age(child: _Child) -> float:
    return time.monotonic() - child.started


def _kill_group(child: _Child) -> None:
    """End what is left of a child's process group: itself, or workers that outlived it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)
