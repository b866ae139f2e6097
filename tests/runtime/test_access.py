"""Who may reach the embedded servers, as whom, and from where."""

import stat
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .conftest import Launcher, broker_pid, postmaster, processes_of, sql


def test_it_gives_each_role_its_url_and_rights(shared: Launcher) -> None:
    environment = shared.environment
    rights = "SELECT current_user, rolsuper, rolcreatedb, rolbypassrls FROM pg_roles "
    rights += "WHERE rolname = current_user"
    found = {
        name: sql(url, rights) for name, url in environment.items() if name.startswith("DATABASE")
    }
    assert found == {
        "DATABASE_URL": "powerwatch_owner|f|t|f",
        "DATABASE_URL_WEB": "powerwatch_web|f|f|f",
        "DATABASE_URL_WORKER": "powerwatch_worker|f|f|f",
        "DATABASE_URL_GATEWAY": "powerwatch_gateway|f|f|t",
    }


def test_databases_made_by_the_owner_have_the_extensions(shared: Launcher) -> None:
    url = shared.environment["DATABASE_URL"]
    sql(url, "CREATE DATABASE test_other")
    names = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension"
    for database in (url, url.removesuffix("/powerwatch") + "/test_other"):
        assert sql(database, names) == "btree_gist pg_trgm plpgsql"


def test_the_owner_can_act_as_the_lesser_roles_but_does_not_inherit_from_them(
    shared: Launcher,
) -> None:
    url = shared.environment["DATABASE_URL"]
    assert sql(url, "SET ROLE powerwatch_web; SELECT current_user") == "powerwatch_web"
    inherits = "SELECT pg_has_role('powerwatch_gateway', 'USAGE')"
    assert sql(url, inherits) == "f"


def test_nobody_gets_in_without_the_password(shared: Launcher) -> None:
    password, port = shared.url("DATABASE_URL")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://powerwatch_owner:not{password}@127.0.0.1:{port}/powerwatch")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=shared.url("REDIS_URL")[1], retry=Retry(NoBackoff(), 0)).ping()


def test_passwords_are_in_private_files_and_in_no_command_line(shared: Launcher) -> None:
    secrets = [shared.url(name)[0] for name in shared.environment if name.endswith("URL")]
    assert stat.S_IMODE(shared.state.stat().st_mode) == 0o700
    for path in shared.state.rglob("*"):
        if path.is_file() and any(word in path.read_bytes().decode("latin1") for word in secrets):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    commands = " ".join(processes_of(shared.state).values())
    assert not any(word in commands for word in secrets)
    key = Path(shared.environment["POWERWATCH_SECRET_KEY_FILE"])
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text()) >= 50


def test_commits_are_durable(shared: Launcher) -> None:
    url = shared.environment["DATABASE_URL"]
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert sql(url, f"SHOW {setting}") == "on"


def test_nothing_listens_beyond_loopback(shared: Launcher) -> None:
    ports = {shared.url(name)[1] for name in ("DATABASE_URL", "REDIS_URL")}
    inodes = set()
    for pid in [*processes_of(shared.state), postmaster(shared.state), broker_pid(shared)]:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                address, _, port = columns[1].partition(":")
                listening.add((address, int(port, 16)))
    assert listening == {("0100007F", port) for port in ports}
    unix = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}
    assert not inodes & unix
