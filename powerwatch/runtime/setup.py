# ruff: noqa: S603 - every command here is our own
"""Installs what `./dev` needs. Run by the machine's own Python, before there is anything else.

`setup.py run|dev STAMP` makes the virtual environment and fills it from the hash-locked lists,
then sees to the native libraries; `setup.py lock` writes the lists anew. STAMP is written to
`.venv/.ready-GROUP` once all is there, and while it stands there `./dev` does not come here.
Everything it says goes where the caller sends standard output.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
UV_LOCK = Path(__file__).with_name("uv.txt")

# What WeasyPrint opens at run time -> the Debian package that has it. Without the last one a
# PDF takes seven times as long.
PDF_LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class SetupProblem(Exception):
    """What is missing and how to get it."""


def main(arguments: Sequence[str]) -> int:
    """Set up the group that the arguments name; return an exit code."""
    try:
        if arguments == ["lock"]:
            write_locks()
            return 0
        group, stamp = arguments
        with _alone():
            install(group, stamp)
    except SetupProblem as problem:
        print(f"./dev: {problem}", flush=True)
        return 1
    return 0


def install(group: str, stamp: str) -> None:
    """Bring `.venv` to the state of the lock files; raise SetupProblem if that cannot be."""
    wheels = VENV / f".wheels-{group}"
    if not _says(wheels, stamp) and not _says(VENV / ".wheels-dev", stamp):
        make_venv()
        lists = ["requirements.txt", *(["requirements-dev.txt"] if group == "dev" else [])]
        if group == "run" and (VENV / ".wheels-dev").exists():
            lists.append("requirements-dev.txt")  # was wanted once: renew it, do not remove it
            wheels = VENV / ".wheels-dev"
        with _step(f"installing {' and '.join(lists)}"):
            sync = ["pip", "sync", "-q", "--python", str(PYTHON), "--require-hashes"]
            _run([str(UV), *sync, *_trust(), *lists], _package_source())
        wheels.write_text(stamp)
    missing = native_packages(group)
    if missing:
        missing = install_native(missing, group)
    if not missing:
        (VENV / f".ready-{group}").write_text(stamp)


def make_venv() -> None:
    """Make `.venv` with the pinned uv in it, unless a working one is there."""
    if not _works(PYTHON):
        with _step(f"making .venv with Python {sys.version.split()[0]}"):
            if not _has_ensurepip():
                _get_venv_module()
            shutil.rmtree(VENV, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(VENV)])
    pinned = next(
        line.split()[0] for line in UV_LOCK.read_text().splitlines() if line.startswith("uv==")
    )
    if _version(UV) != pinned.removeprefix("uv=="):
        with _step(f"installing {pinned}"):
            quiet = ["-q", "--disable-pip-version-check", "--no-input"]
            pip = [str(PYTHON), "-m", "pip", "install", *quiet]
            _run([*pip, "--require-hashes", "-r", str(UV_LOCK)])


def native_packages(group: str) -> list[str]:
    """Return the Debian packages that are missing for the group."""
    missing = []
    if sys.platform == "linux":
        missing = [package for name, package in PDF_LIBRARIES.items() if not _loads(name)]
    if group == "dev" and not any(map(shutil.which, BROWSERS)):
        missing.append("chromium")
    return missing


def install_native(packages: list[str], group: str) -> list[str]:
    """Install Debian packages where we may, else say what is to be installed; return the rest."""
    if _may_install():
        with _step(f"installing {' '.join(packages)} with apt"):
            _apt_install(packages)
        packages = native_packages(group)
    if packages:
        print(
            "./dev: not installed, and not needed to go on: without libpango and libharfbuzz there "
            "are no PDF files, without chromium the browser tests are skipped. As root:\n"
            f"       apt-get install --no-install-recommends {' '.join(packages)}",
            flush=True,
        )
    return packages


def write_locks() -> None:
    """Resolve requirements.in and requirements-dev.in to lists with a hash for every file."""
    options = ["--generate-hashes", "--universal", "--python-version", "3.11"]
    options += ["--no-emit-index-url", "--custom-compile-command", "./dev lock", "-q"]
    for name in ("requirements", "requirements-dev"):
        with _step(f"resolving {name}.in"):
            _run(
                [str(UV), "pip", "compile", *options, *_trust(), f"{name}.in", "-o", f"{name}.txt"],
                _package_source(),
            )


def _trust() -> list[str]:
    """Have uv trust what the machine trusts, as an inspecting proxy needs; its own list else."""
    has_certificates = sys.platform == "darwin" or any(Path("/etc/ssl/certs").glob("*"))
    return ["--system-certs"] if has_certificates else []


def _package_source() -> dict[str, str]:
    """Point uv to the mirror that pip is set to use on this machine, where there is one."""
    environment = dict(os.environ)
    mirror = _quietly(
        [str(PYTHON), "-m", "pip", "config", "get", "global.index-url"]
    ).stdout.strip()
    mirror = environment.get("PIP_INDEX_URL") or mirror
    if mirror and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys():
        environment["UV_DEFAULT_INDEX"] = mirror
    return environment


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0", "-o=DPkg::Lock::Timeout=300"]
    install_them = [*apt, "install", "-y", "--no-install-recommends", *packages]
    # A bare machine has no package lists yet, an old one has stale ones.
    for command in (install_them, [*apt, "update"], install_them):
        done = _quietly(command, environment)
        if command is install_them and done.returncode == 0:
            return
    print(done.stdout[-1000:], done.stderr[-2000:], flush=True)


def _has_ensurepip() -> bool:
    return _quietly([sys.executable, "-c", "import venv, ensurepip"]).returncode == 0


def _get_venv_module() -> None:
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if _may_install():
        _apt_install([package])
    if not _has_ensurepip():
        raise SetupProblem(
            f"this Python cannot make virtual environments. As root: apt-get install {package}"
        )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _works(python: Path) -> bool:
    """Whether a venv's Python runs, is new enough and stands where it was made."""
    probe = "import sys; print(sys.prefix); sys.exit(sys.version_info < (3, 11))"
    done = _quietly([str(python), "-c", probe])
    return done.returncode == 0 and Path(done.stdout.strip()).resolve() == VENV.resolve()


def _version(program: Path) -> str | None:
    done = _quietly([str(program), "--version"])
    words = done.stdout.split()
    return words[1] if done.returncode == 0 and len(words) > 1 else None


def _quietly(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says; one that cannot be started has exit code 127."""
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as problem:
        return subprocess.CompletedProcess(command, 127, "", str(problem))


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SetupProblem(f"failed: {' '.join(command)}")


def _says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


@contextlib.contextmanager
def _step(title: str) -> Iterator[None]:
    print(f"./dev: {title} ...", flush=True)
    begun = time.monotonic()
    yield
    print(f"./dev: {title}: done in {time.monotonic() - begun:.1f} s", flush=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep a second ./dev out until the first has finished setting up."""
    # The lock is on the folder itself: nothing to create, nothing left behind.
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
