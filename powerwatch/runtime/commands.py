# ruff: noqa: S603, PLW1509 - every command here is our own; no threads here
"""The sub-commands of `./dev` that run one thing and end: test, check, bench, manage, python."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .environment import (
    PROJECT_ROOT,
    Services,
    default_state_folder,
    open_services,
    throwaway_services,
)
from .processes import die_with_parent, is_locked, read_json

MANAGE = (sys.executable, str(PROJECT_ROOT / "manage.py"))
_BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def test(arguments: Sequence[str]) -> int:
    """Run the test suite on servers of its own, which forget; return pytest's exit code."""
    spread = () if arguments else ("-n", "2", "--dist", "loadfile")
    with throwaway_services(durable=False) as services:
        environment = project_environment(services)
        if code := compile_translations(services, environment):
            return code
        command = (sys.executable, "-m", "pytest", *spread, *arguments)
        return run_child(command, services, environment, cwd=PROJECT_ROOT)


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks on durable servers of their own; results go to standard output."""
    with throwaway_services(durable=True) as services:
        command = (sys.executable, "-m", "bench", *arguments)
        return run_child(command, services, project_environment(services), cwd=PROJECT_ROOT)


def manage(arguments: Sequence[str]) -> int:
    """Run manage.py on the running servers, or on ones started for it; return its exit code."""
    return _in_project((*MANAGE, *arguments))


def python(arguments: Sequence[str]) -> int:
    """Run Python in the project's environment as `manage` does; return its exit code."""
    return _in_project((sys.executable, *arguments))


def _in_project(command: Sequence[str]) -> int:
    state = default_state_folder()
    with open_services(state) as services:
        environment = project_environment(services) | running_demo(state)
        return run_child(command, services, environment)


def check(_arguments: Sequence[str]) -> int:
    """Run every static check, also after one failed; return 1 if any did."""
    tools = Path(sys.executable).parent
    failed = []
    with throwaway_services(durable=False) as services:
        environment = project_environment(services)
        production = _production_environment(environment)
        checks: list[tuple[str, Sequence[str], Mapping[str, str]]] = [
            ("format", (str(tools / "ruff"), "format", "--check", "."), environment),
            ("lint", (str(tools / "ruff"), "check", "."), environment),
            ("types", (str(tools / "mypy"), "."), environment),
            ("import layers", (str(tools / "lint-imports"),), environment),
            ("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run"), environment),
        ]
        if has_translations_command():
            checks.append(("translations", (*MANAGE, "translations", "--check"), environment))
        deploy = (*MANAGE, "check", "--deploy", "--fail-level", "WARNING")
        checks.append(("deployment", deploy, production))
        for name, command, its_environment in checks:
            with step(name) as outcome:
                outcome.run(command, its_environment)
            if not outcome.ok:
                failed.append(name)
    if failed:
        print(f"FAILED: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


class Step:
    """The outcome of one step, with its output kept for the case that it fails."""

    def __init__(self) -> None:
        self.ok = True
        self.output = ""

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a command in the project's folder and note how it ended."""
        done = subprocess.run(
            list(command),
            cwd=PROJECT_ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        self.ok = self.ok and done.returncode == 0
        self.output += done.stdout.decode(errors="replace")


@contextlib.contextmanager
def step(name: str) -> Iterator[Step]:
    """Print a line for a step: its name at once; OK or FAILED, seconds and output at its end."""
    outcome = Step()
    print(f"  {name:<15} ", end="", flush=True)
    begun = time.monotonic()
    yield outcome
    print(f"{'OK' if outcome.ok else 'FAILED':<7} {time.monotonic() - begun:5.1f} s", flush=True)
    if not outcome.ok:
        print("\n".join(f"    {line}" for line in outcome.output.splitlines()), flush=True)


def run_child(
    command: Sequence[str],
    services: Services,
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
) -> int:
    """Run a command with our standard streams and terminal; return its code as a shell would.

    Ctrl-C is the child's to answer, it gets it from the terminal; SIGTERM is handed on.
    """
    child: subprocess.Popen[bytes] | None = None

    def hand_on(number: int, _frame: object) -> None:
        if child is not None:
            child.send_signal(number)

    # Handlers, not SIG_IGN: the child would inherit that.
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, hand_on),
        signal.SIGHUP: signal.signal(signal.SIGHUP, hand_on),
    }
    try:
        child = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(environment),
            pass_fds=services.inheritable,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def project_environment(services: Services) -> dict[str, str]:
    """Return our environment with the services, the project's modules, fonts and browser."""
    environment = services.child_environment()
    path = [str(PROJECT_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    if path[0] in path[1:] or (len(path) > 1 and path[1].split(os.pathsep)[0] == path[0]):
        path = path[1:]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    fonts = PROJECT_ROOT / "static" / "fonts" / "fonts.conf"
    if fonts.exists():
        environment.setdefault("FONTCONFIG_FILE", str(fonts))
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser:
        environment.setdefault("POWERWATCH_CHROMIUM", browser)
    return environment


def running_demo(state: Path) -> dict[str, str]:
    """Return the variables of a `./dev run` that is up over `state`, {} where none is."""
    if not is_locked(state / "run.lock"):
        return {}
    demo: dict[str, str] = (read_json(state / "run.json") or {}).get("environment", {})
    return demo


def has_translations_command() -> bool:
    """Say whether the project has its translations command."""
    return (PROJECT_ROOT / "powerwatch/management/commands/translations.py").exists()


def compile_translations(services: Services, environment: Mapping[str, str]) -> int:
    """Compile the message catalogues where the project can; return an exit code."""
    if not has_translations_command():
        return 0
    command = (*MANAGE, "translations", "--compile")
    return run_child(command, services, environment, cwd=PROJECT_ROOT)


def _production_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a server on the open net would set, so that the deployment checks judge that."""
    return {
        **{name: value for name, value in environment.items() if name != "POWERWATCH_DEMO"},
        "POWERWATCH_SECRET_KEY": secrets.token_urlsafe(64),
        "POWERWATCH_ALLOWED_HOSTS": "power.example.org",
        "POWERWATCH_BASE_URL": "https://power.example.org",
        "POWERWATCH_STATIC_MANIFEST": "1",
    }
