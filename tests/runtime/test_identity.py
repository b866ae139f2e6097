"""PostgreSQL refuses root: the two ways around that, and the machine left as it was."""

import os
import pwd
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from powerwatch.runtime.environment import wait_until_stopped
from powerwatch.runtime.postgres import PostgresServer, choose_identity

from .conftest import (
    Launcher,
    clean_environment,
    cluster_state,
    eventually,
    open_launcher,
    postmaster,
    processes_of,
    sql,
)

Launch = Callable[[], Launcher]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be refused by PostgreSQL")


@as_root
@pytest.mark.parametrize("reachable", [True, False], ids=["open parent", "private parent"])
def test_root_without_namespaces_runs_the_server_as_nobody(state: Path, reachable: bool) -> None:
    if reachable:
        state.parent.chmod(0o711)
    state.mkdir(mode=0o700)
    server = PostgresServer(state / "postgres", durable=False, allow_namespace=False)
    try:
        port = server.start()
        assert server.pid
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert (server.data.parent == state / "postgres") is reachable
        url = f"postgresql://powerwatch_owner:{server.passwords['powerwatch_owner']}@127.0.0.1"
        assert sql(f"{url}:{port}/powerwatch", "SELECT 1") == "1"
    finally:
        server.stop()
    assert cluster_state(server.data) == "shut down"


@as_root
def test_the_server_of_a_killed_parent_stops_cleanly_as_nobody(state: Path) -> None:
    state.parent.chmod(0o711)
    parent = """
import sys, time
from pathlib import Path
from powerwatch.runtime.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]), durable=False, allow_namespace=False)
server.start()
print("up", flush=True)
time.sleep(60)
"""
    state.mkdir(mode=0o700)
    with subprocess.Popen(
        [sys.executable, "-c", parent, str(state / "postgres")],
        env=clean_environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
    assert eventually(lambda: not processes_of(state))
    assert cluster_state(state / "postgres/data") == "shut down"


@as_root
def test_data_change_hands_between_the_two_ways(state: Path) -> None:
    state.parent.chmod(0o711)
    state.mkdir(mode=0o700)
    for allow_namespace in (True, False, True):
        server = PostgresServer(state / "postgres", durable=False, allow_namespace=allow_namespace)
        server.start()
        server.stop()


@as_root
def test_no_user_is_made_and_no_folder_but_ours_is_changed(launch: Launch, state: Path) -> None:
    def picture() -> dict[str, tuple[int, int, int]]:
        binaries = choose_identity(state.parent).binaries
        watched = {*state.parent.parents, state.parent, binaries, *binaries.parents}
        return {
            str(path): (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid)
            for path in watched
        }

    before = picture(), Path("/etc/passwd").read_bytes(), Path("/etc/group").read_bytes()
    assert launch().environment
    after = picture(), Path("/etc/passwd").read_bytes(), Path("/etc/group").read_bytes()
    assert before == after


@as_root
def test_an_ordinary_user_starts_and_stops_the_servers(state: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    state.parent.chmod(0o711)
    state.mkdir(mode=0o700)
    os.chown(state, nobody.pw_uid, nobody.pw_gid)
    packages = sysconfig.get_path("purelib")
    path = os.pathsep.join([clean_environment()["PYTHONPATH"], packages])
    # The tests' own Python may lie in a private home; the runtime needs the standard library only.
    for interpreter in (sys.executable, "/usr/bin/python3"):
        launcher = (
            open_launcher(
                state,
                interpreter=interpreter,
                environment={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
                user=nobody.pw_uid,
            )
            if usable_by(interpreter, nobody.pw_uid, path)
            else None
        )
        if launcher:
            break
    else:
        pytest.skip("no Python that the user nobody may run")
    assert sql(launcher.environment["DATABASE_URL"], "SELECT 1") == "1"
    assert Path(f"/proc/{postmaster(state)}").stat().st_uid == nobody.pw_uid
    end(launcher)
    assert wait_until_stopped(state / "postgres")
    assert cluster_state(state / "postgres/data") == "shut down"

    # And root over that user's data leaves them the user's.
    by_root = open_launcher(state)
    assert sql(by_root.environment["DATABASE_URL"], "SELECT 1") == "1"
    end(by_root)
    assert wait_until_stopped(state / "postgres")
    owners = {path.stat().st_uid for path in (state / "postgres/data").rglob("*")}
    assert owners == {nobody.pw_uid}


def end(launcher: Launcher) -> None:
    launcher.leave()
    assert launcher.process.stdout
    launcher.process.stdout.close()


def usable_by(interpreter: str, uid: int, path: str) -> bool:
    try:
        return (
            subprocess.run(
                [
                    interpreter,
                    "-c",
                    "import sys, powerwatch.runtime; assert sys.version_info >= (3, 11)",
                ],
                user=uid,
                group=uid,
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": path},
                capture_output=True,
            ).returncode
            == 0
        )
    except OSError:
        return False
