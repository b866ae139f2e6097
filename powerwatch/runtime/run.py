# ruff: noqa: S603 - every command here is our own
"""`./dev run`: the whole system with the demo city, on one machine, until Ctrl-C."""

import argparse
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .commands import MANAGE, compile_translations, project_environment
from .environment import PROJECT_ROOT, ROLE_VARIABLES, Services, open_services
from .processes import (
    LOOPBACK,
    RuntimeProblem,
    die_with_parent,
    next_free_port,
    open_lock,
    pick_port,
    read_json,
    try_lock,
    write_private,
)
from .supervisor import ProcessSpec, Supervisor


@dataclass(frozen=True)
class Plan:
    """Where things listen in this run."""

    host: str
    web_port: int
    gateway_port: int
    sms_port: int
    mail_port: int
    state: Path

    @property
    def url(self) -> str:
        """The address to open in a browser on this machine."""
        shown = LOOPBACK if self.host in ("0.0.0.0", "::", "localhost") else self.host  # noqa: S104
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.web_port}"


@dataclass(frozen=True)
class Row:
    """One process of the table below; `role` is the database role it may act as."""

    name: str
    role: str
    command: Callable[[Plan], Sequence[str]]
    ready: Callable[[Plan], Callable[[], bool]] | None = None
    after: tuple[str, ...] = ()


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


# In order of start; they are stopped from the bottom up.
PROCESSES = (
    Row(
        "smsstandin",
        "worker",
        lambda plan: (*MANAGE, "sms_standin", "--port", str(plan.sms_port)),
    ),
    Row(
        "mailstandin",
        "worker",
        lambda plan: (*MANAGE, "mail_standin", "--port", str(plan.mail_port)),
    ),
    Row(
        "gateway",
        "gateway",
        lambda plan: (*MANAGE, "gateway", "--host", LOOPBACK, "--port", str(plan.gateway_port)),
        ready=lambda plan: lambda: _accepts(plan.gateway_port),
    ),
    Row(
        "web",
        "web",
        lambda plan: _python(
            *("gunicorn", "powerwatch.wsgi", "--bind", _bind(plan.host, plan.web_port)),
            # Threads: pages that follow live alerts hold one each.
            *("--worker-class", "gthread", "--workers", "2", "--threads", "16"),
            # Its control socket would be one for all runs, in the home folder.
            *("--no-control-socket", "--graceful-timeout", "5"),
        ),
        ready=lambda plan: lambda: _serves_pages(plan),
    ),
    Row(
        "worker",
        "worker",
        lambda plan: _python(
            *("celery", "-A", "powerwatch", "worker", "-c", "2", "-P", "prefork"),
            *("--without-gossip", "--without-mingle", "-Q", "evaluate,notify,celery,report"),
            *("--loglevel", "WARNING"),
        ),
    ),
    Row(
        "beat",
        "worker",
        lambda plan: _python(
            *("celery", "-A", "powerwatch", "beat", "--loglevel", "WARNING"),
            *("--schedule", str(plan.state / "celerybeat-schedule")),
            "--pidfile=",  # the lock on run.lock keeps a second one away, and survives no crash
        ),
    ),
    Row(
        "simulator",
        "worker",  # reads devices and facilities, writes nothing
        lambda plan: (*MANAGE, "simulate", "--host", LOOPBACK, "--port", str(plan.gateway_port)),
        after=("gateway",),
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Run the demo until Ctrl-C (exit code 0) or until a part of it fails (1)."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _as_interrupt)
    begun = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            say(begun, "starting PostgreSQL and the broker")
            services = stack.enter_context(open_services())
            state = services.state
            run_lock = stack.enter_context(open_lock(state / "run.lock"))
            if not try_lock(run_lock):
                url = (read_json(state / "run.json") or {}).get("url", "another address")
                raise RuntimeProblem(f"already running at {url} (over {state})")
            plan = Plan(
                host=options.host,
                web_port=next_free_port(options.port, options.host),
                gateway_port=next_free_port(options.gateway_port),
                sms_port=pick_port(),
                mail_port=pick_port(),
                state=state,
            )
            demo = _demo_variables(plan)
            environment = project_environment(services) | demo
            _prepare(begun, services, environment)
            record = {"url": plan.url, "pid": os.getpid(), "environment": demo}
            write_private(state / "run.json", json.dumps(record, indent=1))
            say(begun, "starting the processes")
            supervisor = Supervisor(
                _specs(plan, environment, simulator=options.simulator),
                cwd=PROJECT_ROOT,
                pass_fds=services.inheritable,
                on_ready=lambda: _show_box(begun, plan, environment),
                trouble=services.trouble,
            )
            code = supervisor.run()
            (state / "run.json").unlink(missing_ok=True)
            return code
    except KeyboardInterrupt:
        print("\nstopped before everything was up", flush=True)
        return 130


def say(begun: float, text: str) -> None:
    """Print a line of progress with the seconds since `begun`."""
    print(f"[{time.monotonic() - begun:6.1f} s] {text}", flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev run", description=__doc__)
    parser.add_argument("--port", type=int, default=8212, help="of the web site, default 8212")
    parser.add_argument("--gateway-port", type=int, default=9212, help="HJ 212, default 9212")
    parser.add_argument("--host", default=LOOPBACK, help="web site only, default 127.0.0.1")
    parser.add_argument("--no-simulator", dest="simulator", action="store_false")
    return parser.parse_args(arguments)


def _as_interrupt(*_signal: object) -> None:
    raise KeyboardInterrupt


def _demo_variables(plan: Plan) -> dict[str, str]:
    # On every address there is no list of names to hold requests against.
    everywhere = plan.host in ("0.0.0.0", "::")  # noqa: S104
    hosts = "*" if everywhere else ",".join(dict.fromkeys([LOOPBACK, "localhost", plan.host]))
    return {
        "POWERWATCH_DEMO": "1",
        "POWERWATCH_BASE_URL": plan.url,
        "POWERWATCH_ALLOWED_HOSTS": hosts,
        "POWERWATCH_GATEWAY_PORT": str(plan.gateway_port),
        "POWERWATCH_SMS_URL": f"http://{LOOPBACK}:{plan.sms_port}/send",
        "POWERWATCH_SMS_KEY_ID": f"demo-{secrets.token_hex(4)}",
        "POWERWATCH_SMS_SECRET": secrets.token_urlsafe(32),
        "POWERWATCH_EMAIL_URL": f"smtp://{LOOPBACK}:{plan.mail_port}",
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }


# --- before the processes


def _prepare(begun: float, services: Services, environment: dict[str, str]) -> None:
    owner = environment | {"POWERWATCH_DB_ROLE": "owner"}
    with _timed(begun, "compiling translations"):
        if compile_translations(services, owner):
            raise RuntimeProblem("the translations could not be compiled")
    _manage(begun, services, owner, "bringing the database up to date", "migrate", "-v", "0")
    _manage(begun, services, owner, "loading the demo city", "seed_demo")
    if environment.get("POWERWATCH_STATIC_MANIFEST"):
        # Without it WhiteNoise serves the files from where they are.
        collect = ("collectstatic", "--noinput", "-v", "0")
        _manage(begun, services, owner, "collecting static files", *collect)


def _manage(
    begun: float, services: Services, environment: dict[str, str], title: str, *arguments: str
) -> None:
    with _timed(begun, title):
        code = subprocess.run(
            [*MANAGE, *arguments],
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=services.inheritable,
            preexec_fn=die_with_parent(signal.SIGTERM),
            check=False,
        ).returncode
        if code:
            raise RuntimeProblem(f"{title}: `manage.py {' '.join(arguments)}` failed ({code})")


@contextlib.contextmanager
def _timed(begun: float, title: str) -> Iterator[None]:
    say(begun, f"{title} ...")
    start = time.monotonic()
    yield
    say(begun, f"{title}: done in {time.monotonic() - start:.1f} s")


# --- the processes


def _specs(plan: Plan, environment: dict[str, str], *, simulator: bool) -> list[ProcessSpec]:
    return [
        ProcessSpec(
            name=row.name,
            command=row.command(plan),
            environment=for_role(environment, row.role),
            ready=row.ready(plan) if row.ready else None,
            after=row.after,
        )
        for row in PROCESSES
        if simulator or row.name != "simulator"
    ]


def for_role(environment: dict[str, str], role: str) -> dict[str, str]:
    """Return an environment that knows the database by one role only.

    DATABASE_URL becomes the role's URL, and the URLs of the other roles are left out: a hole in
    the web process must not hand out the owner's password. Where an external DATABASE_URL came
    without a URL for the role, it stays, and the settings take the role with SET ROLE.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name == "DATABASE_URL" or name not in ROLE_VARIABLES.values()
    }
    if own := environment.get(ROLE_VARIABLES[role]):
        kept |= {"DATABASE_URL": own, ROLE_VARIABLES[role]: own}
    return kept | {"POWERWATCH_DB_ROLE": role}


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _serves_pages(plan: Plan) -> bool:
    host = plan.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=3)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _show_box(begun: float, plan: Plan, environment: dict[str, str]) -> None:
    accounts = subprocess.run(
        [*MANAGE, "demo_accounts"],
        cwd=PROJECT_ROOT,
        env=environment | {"POWERWATCH_DB_ROLE": "owner"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if accounts.returncode:
        lines = ["(the demo accounts could not be listed: ./dev manage demo_accounts)"]
    else:
        lines = accounts.stdout.rstrip().splitlines()
    rule = "=" * 78
    text = [
        rule,
        f"  PowerWatch is up after {time.monotonic() - begun:.0f} s:   {plan.url}/",
        f"  HJ 212 gateway: {LOOPBACK}:{plan.gateway_port}      Ctrl-C stops everything",
        "",
        *(f"  {line}" for line in lines),
        rule,
    ]
    print("\n".join(text), flush=True)
