"""`./dev run` and its siblings, over a project that has only the commands they call."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from powerwatch.runtime.environment import PROJECT_ROOT
from powerwatch.runtime.processes import is_port_free
from powerwatch.runtime.run import for_role

from .conftest import clean_environment, eventually, processes_of

MANAGE = """
import json, os, socketserver, sys, time
from pathlib import Path

command, *options = sys.argv[1:]
if command == "show":
    print(json.dumps(dict(os.environ)))
elif command == "echo":
    sys.stdout.write(sys.stdin.read())
    sys.exit(int(options[0]))
elif command == "demo_accounts":
    print("city administrator: linfen-admin / demo")
elif command == "gateway":
    port = int(options[options.index("--port") + 1])
    # As the real one does: else a connection that it closed itself keeps the port for a minute.
    socketserver.TCPServer.allow_reuse_address = True
    socketserver.TCPServer(("127.0.0.1", port), socketserver.BaseRequestHandler).serve_forever()
elif command in ("sms_standin", "mail_standin", "simulate"):
    print(command, "as", os.environ["POWERWATCH_DB_ROLE"], flush=True)
    time.sleep(100)
elif command not in ("migrate", "seed_demo", "collectstatic"):
    sys.exit(f"no such command: {command}")
"""
WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"PowerWatch"]
"""
CELERY = """
import os
import celery
app = celery.Celery(broker=os.environ["REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True
"""

Dev = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    runtime = tmp_path / "powerwatch" / "runtime"
    shutil.copytree(PROJECT_ROOT / "powerwatch/runtime", runtime, ignore=lambda *_: ["__pycache__"])
    (tmp_path / "powerwatch/__init__.py").touch()
    (tmp_path / "powerwatch/wsgi.py").write_text(WSGI)
    (tmp_path / "powerwatch/celery.py").write_text(CELERY)
    (tmp_path / "manage.py").write_text(MANAGE)
    yield tmp_path
    eventually(lambda: not processes_of(tmp_path))
    left = processes_of(tmp_path)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


@pytest.fixture
def dev(project: Path) -> Iterator[Dev]:
    """Run a sub-command of the project's `./dev` without its set-up."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "powerwatch.runtime", *arguments],
                cwd=project,
                env=clean_environment(PYTHONPATH=str(project)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def wait_for_box(process: subprocess.Popen[str], and_also: str = "") -> str:
    """Read until the box is closed, and until the other words have come too; return all of it."""
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if text.count("=" * 78) == 2 and and_also in text:
            return text
    raise AssertionError(text)


@pytest.mark.timeout(120)
def test_it_runs_until_ctrl_c_and_commands_beside_it_use_its_servers(
    project: Path, dev: Dev
) -> None:
    run = dev("run")
    text = wait_for_box(run, and_also="simulate as worker")  # a child's words come when they come
    assert "city administrator: linfen-admin / demo" in text
    url = text.partition("PowerWatch is up")[2].split()[3]
    with urllib.request.urlopen(url) as page:  # noqa: S310 - loopback
        assert page.read() == b"PowerWatch"

    shown, _ = dev("manage", "show").communicate(timeout=20)
    beside = json.loads(shown)
    endpoint = json.loads((project / ".powerwatch/postgres/endpoint.json").read_text())
    assert f":{endpoint['port']}/" in beside["DATABASE_URL"]
    assert beside["POWERWATCH_BASE_URL"] == url.rstrip("/")
    assert beside["POWERWATCH_DEMO"] == "1"

    second = dev("run")
    _, complaint = second.communicate(timeout=20)
    assert (second.returncode, complaint) == (
        1,
        f"./dev run: already running at {url.rstrip('/')} (over {project / '.powerwatch'})\n",
    )

    run.send_signal(signal.SIGINT)
    rest, errors = run.communicate(timeout=40)
    assert (run.returncode, errors) == (0, "")
    assert "killed" not in rest
    assert eventually(lambda: not processes_of(project))


def test_killing_it_leaves_nothing_behind(project: Path, dev: Dev) -> None:
    run = dev("run", "--no-simulator")
    assert "simulate" not in wait_for_box(run)
    run.kill()
    assert eventually(lambda: not processes_of(project), seconds=20), processes_of(project)
    noted = json.loads((project / ".powerwatch/run.json").read_text())["environment"]
    port = int(noted["POWERWATCH_GATEWAY_PORT"])
    assert eventually(lambda: is_port_free(port), seconds=5)
    shown, _ = dev("manage", "show").communicate(timeout=20)
    assert "POWERWATCH_DEMO" not in json.loads(shown)  # what it noted is known to be stale


def test_it_ends_when_its_database_is_gone_for_good(project: Path, dev: Dev) -> None:
    run = dev("run", "--no-simulator")
    wait_for_box(run)
    endpoint = json.loads((project / ".powerwatch/postgres/endpoint.json").read_text())
    os.kill(endpoint["pid"], signal.SIGKILL)
    rest, _ = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "postgres is gone" in rest


def test_a_step_that_fails_ends_the_start(project: Path, dev: Dev) -> None:
    (project / "manage.py").write_text("import sys; sys.exit('the tables are locked')")
    run = dev("run")
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 1
    assert errors == textwrap.dedent("""\
        the tables are locked
        ./dev run: bringing the database up to date: `manage.py migrate -v 0` failed (1)
        """)


def test_a_command_has_our_streams_untouched_and_gives_its_exit_code(
    project: Path, dev: Dev
) -> None:
    process = dev("manage", "echo", "7")
    assert process.communicate("##0101QN=...\n\0", timeout=20) == ("##0101QN=...\n\0", "")
    assert process.returncode == 7


def test_a_process_knows_the_database_by_its_own_role_only() -> None:
    everything = {
        "DATABASE_URL": "postgresql://owner",
        "DATABASE_URL_WEB": "postgresql://web",
        "DATABASE_URL_WORKER": "postgresql://worker",
        "DATABASE_URL_GATEWAY": "postgresql://gateway",
    }
    assert for_role(everything, "web") == {
        "DATABASE_URL": "postgresql://web",
        "DATABASE_URL_WEB": "postgresql://web",
        "POWERWATCH_DB_ROLE": "web",
    }
    assert for_role({"DATABASE_URL": "postgresql://only"}, "worker") == {
        "DATABASE_URL": "postgresql://only",
        "POWERWATCH_DB_ROLE": "worker",
    }
