"""All of the processes, or none of them."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from powerwatch.runtime.environment import PROJECT_ROOT
from powerwatch.runtime.processes import describe_exit

from .conftest import clean_environment, eventually, processes_of

# Specs as Python source: {name: body of a script}; the folder in each command lets us find it.
SUPERVISE = """
import os, sys
from pathlib import Path
from powerwatch.runtime.supervisor import ProcessSpec, Supervisor
folder = Path(sys.argv[1])
def process(name, body, **options):
    (folder / f"{name}.py").write_text(body)
    command = [sys.executable, "-u", str(folder / f"{name}.py")]
    return ProcessSpec(name, command, os.environ, **options)
def supervise(*specs, **options):
    options = {"cwd": folder, "on_ready": lambda: print("ALL READY", flush=True)} | options
    sys.exit(Supervisor(specs, **options).run())
"""
STAY = "import time; print('here'); time.sleep(60)"


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a supervisor over the given specs (Python source)."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", SUPERVISE + textwrap.dedent(source), str(tmp_path)],
                cwd=PROJECT_ROOT,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()
    assert eventually(lambda: not processes_of(tmp_path))


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError(f"{text!r} did not come:\n" + "\n".join(lines))


def rest_of(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=30)
    return output


def test_each_line_is_whole_and_carries_its_name(
    supervised: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = supervised("""
        body = '''
        import sys, time
        for number in range(200):
            sys.stdout.write("x" * 50); sys.stdout.flush()
            sys.stdout.write(f" {number}\\\\n"); sys.stdout.flush()
        sys.stdout.write("no newline"); sys.stdout.flush()
        '''.replace("\\n        ", "\\n")
        supervise(process("one", body + "time.sleep(60)"), process("three", body))
    """)
    lines = rest_of(process).splitlines()
    whole = re.compile(r"(one  |three) \| (x{50} \d+|no newline)$|dev   \|.*|ALL READY")
    assert [line for line in lines if not whole.match(line)] == []
    assert [line for line in lines if line.startswith("three |")] == [
        *(f"three | {'x' * 50} {number}" for number in range(200)),
        "three | no newline",
    ]
    assert "\x1b[" not in "".join(lines)


@pytest.mark.parametrize(
    ("last_words", "said"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("sys.exit(0)", "exit code 0"),
    ],
)
def test_when_one_ends_it_is_named_and_all_others_are_stopped(
    supervised: Callable[[str], subprocess.Popen[str]],
    tmp_path: Path,
    last_words: str,
    said: str,
) -> None:
    process = supervised(f"""
        ends = "import os, signal, sys, time; print('the reason', flush=True); time.sleep(.3); "
        supervise(
            process("stays", {STAY!r}),
            process("ends", ends + {last_words!r}),
            process("silent", "import time; time.sleep(60)"),
        )
    """)
    output = rest_of(process)
    assert process.returncode == 1
    assert f"ends ended by itself ({said})" in output
    assert "dev    |     the reason" in output
    assert not processes_of(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_in_reverse_order(
    supervised: Callable[[str], subprocess.Popen[str]], tmp_path: Path, number: signal.Signals
) -> None:
    process = supervised("""
        body = "import signal, sys, time; "
        body += "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye'))); "
        body += "print('here'); time.sleep(60)"
        supervise(*(process(name, body) for name in ("first", "second", "third")))
    """)
    seen = "".join(read_until(process, "here") + read_until(process, "here"))
    while seen.count("here") < 3:
        seen += "".join(read_until(process, "here"))
    process.send_signal(number)
    output = rest_of(process)
    assert process.returncode == 0
    assert re.findall(r"(\w+) +\| bye", output) == ["third", "second", "first"]
    assert not processes_of(tmp_path)


def test_ctrl_c_reaches_the_children_once_through_the_supervisor(
    supervised: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = supervised("""
        body = "import os, time; print(os.getpgrp() == os.getpid()); time.sleep(60)"
        supervise(process("one", body))
    """)
    assert read_until(process, "True")


def test_one_that_will_not_stop_is_killed_with_all_it_started(
    supervised: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = supervised("""
        body = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        body += "os.fork(); print('deaf', flush=True); time.sleep(60)"
        supervise(process("deaf", body, grace_seconds=0.5))
    """)
    read_until(process, "deaf |")
    process.terminate()
    begun = time.monotonic()
    output = rest_of(process)
    assert time.monotonic() - begun < 5
    assert "deaf did not stop in 0.5 s: killed" in output
    assert not processes_of(tmp_path)


def test_one_starts_after_those_it_needs(
    supervised: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = supervised(f"""
        made = folder / "made"
        make = "import time, pathlib, sys; time.sleep(.5); pathlib.Path(%r).touch(); " % str(made)
        look = "import pathlib, time; print(pathlib.Path(%r).exists()); time.sleep(60)" % str(made)
        supervise(
            process("looks", look, after=("makes",)),
            process("makes", make + {STAY!r}, ready=made.exists),
        )
    """)
    lines = read_until(process, "looks")
    assert lines[-1] == "looks | True"


def test_one_that_never_gets_ready_ends_the_run(
    supervised: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = supervised(f"""
        supervise(process("lame", {STAY!r}, ready=lambda: False, ready_seconds=0.5))
    """)
    output = rest_of(process)
    assert process.returncode == 1
    assert "lame did not become ready in 0 s" in output
    assert "ALL READY" not in output


def test_killing_the_supervisor_leaves_no_gunicorn_and_no_celery_behind(
    supervised: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "somewhere.py").write_text(
        textwrap.dedent("""
        import os, celery
        app = celery.Celery(broker=os.environ["REDIS_URL"])
        app.conf.broker_connection_retry_on_startup = True
        def web(environ, start_response):
            start_response("200 OK", [])
            return [b"hello"]
        """)
    )
    process = supervised("""
        from powerwatch.runtime.environment import open_services
        from powerwatch.runtime.processes import is_port_free, pick_port
        with open_services(folder / "state", environ={"DATABASE_URL": "given"}) as services:
            environment = services.child_environment()
            environment.pop("DJANGO_SETTINGS_MODULE", None)  # the package may have set it
            port = pick_port()
            def spec(name, *words, **options):
                command = [sys.executable, "-m", *words]
                return ProcessSpec(name, command, environment, **options)
            supervise(
                spec("web", "gunicorn", "somewhere:web", "--bind", f"127.0.0.1:{port}",
                     "--worker-class", "gthread", "--workers", "2", "--no-control-socket",
                     ready=lambda: not is_port_free(port)),
                spec("worker", "celery", "-A", "somewhere", "worker", "-c", "2", "-P", "prefork",
                     "--without-gossip", "--without-mingle", "--loglevel", "INFO"),
                pass_fds=services.inheritable,
            )
    """)
    read_until(process, " ready.")
    # supervisor, broker and its keeper, gunicorn and two workers, Celery and two workers
    assert eventually(lambda: len(processes_of(tmp_path)) >= 9)
    os.kill(process.pid, signal.SIGKILL)
    assert eventually(lambda: not processes_of(tmp_path), seconds=15), processes_of(tmp_path)


def test_exits_are_said_in_words() -> None:
    assert describe_exit(0) == "exit code 0"
    assert describe_exit(-9) == "signal SIGKILL"
    assert describe_exit(-64) == "signal SIGRTMAX"
