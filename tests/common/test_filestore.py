"""Files are whole or not there, and orphans go."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from common import filestore

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    return tmp_path / "files"


def names(store):
    return [path.name for path in store.rglob("*") if path.is_file()]


def test_a_file_is_written_whole():
    path = filestore.make_path("x")
    filestore.write(path, [b"ab", b"c"])
    assert filestore.resolve(path).read_bytes() == b"abc"


def test_nothing_is_left_of_a_file_that_broke_off(store):
    def pieces():
        yield b"ab"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        filestore.write(filestore.make_path("x"), pieces())
    assert names(store) == []


@pytest.mark.parametrize("path", ["../secret", "x/../../secret", "/etc/passwd", ""])
def test_no_path_leads_out(path):
    with pytest.raises(ValueError, match="out of the store"):
        filestore.resolve(path)


def test_old_orphans_are_swept_and_nothing_else():
    known, orphan, young = (filestore.make_path("x") for _n in range(3))
    for path in (known, f"{known}.320", orphan, f"{orphan}.320", young):
        filestore.write(path, b"a")
    old = (NOW - timedelta(days=2)).timestamp()
    for path in (known, f"{known}.320", orphan, f"{orphan}.320"):
        os.utime(filestore.resolve(path), (old, old))
    assert filestore.sweep("x", {known}, now=NOW) == 2
    assert filestore.resolve(known).exists()
    assert filestore.resolve(f"{known}.320").exists()
    assert filestore.resolve(young).exists()
