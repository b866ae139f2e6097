"""Files that people handed in, kept below ``STATE_DIR/files`` under names that say nothing.

A file is written whole beside its place, flushed to the disk and then renamed, so that a reader
meets either nothing or all of it. Its row commits after that; where the commit fails the file is an
orphan, which ``sweep`` takes away a day later. Web and worker see the same folder.
"""

import os
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

#: An orphan younger than this may belong to a transaction that is still open.
ORPHAN_AGE = timedelta(days=1)
_PARTIAL = ".part"


def get_root() -> Path:
    """Return the folder of the store; made on first use, for this user alone."""
    root = Path(settings.STATE_DIR) / "files"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def resolve(path: str) -> Path:
    """Return where a stored path lies. Raises ValueError for one that leads out of the store."""
    root = get_root().resolve()
    found = (root / path).resolve()
    if root not in found.parents:
        raise ValueError("a stored path that leads out of the store")
    return found


def make_path(folder: str) -> str:
    """Return a new random path within a folder of the store, ``attachments/3f/3f9c...``."""
    name = secrets.token_hex(20)
    return f"{folder}/{name[:2]}/{name}"


def write(path: str, content: bytes | Iterable[bytes]) -> None:
    """Write a file whole or not at all; it is on the disk when this returns."""
    target = resolve(path)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(target.name + _PARTIAL)
    try:
        with partial.open("xb") as file:
            for piece in [content] if isinstance(content, bytes) else content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: str) -> None:
    """Take a file away; that it is gone already is no error."""
    resolve(path).unlink(missing_ok=True)


def sweep(folder: str, known: Collection[str], *, now: datetime) -> int:
    """Remove the files of a folder that are not ``known`` and older than a day; return how many.

    A file belongs to the known path that its name begins with, so that ``3f9c.320`` stays with
    ``3f9c``.
    """
    root = get_root()
    before = (now - ORPHAN_AGE).timestamp()
    removed = 0
    for file in (root / folder).rglob("*"):
        if not file.is_file() or file.stat().st_mtime >= before:
            continue
        path = file.relative_to(root).with_name(file.name.split(".")[0])
        if str(path) in known and not file.name.endswith(_PARTIAL):
            continue
        file.unlink(missing_ok=True)
        removed += 1
    return removed
