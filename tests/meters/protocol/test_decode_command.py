"""``python -m meters.protocol.decode`` as others call it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import meters
from meters.protocol import decode as command
from tests.meters.protocol.helpers import BY_ID, GOOD, VECTORS, expected_frames, vector_bytes

ROOT = Path(meters.__file__).parents[1]
KEYS = [
    "event", "qn", "st", "cn", "pw", "mn", "flag", "version", "ack", "split", "pnum", "pno", "rf",
    "cp", "fields", "factors", "reply",
]  # fmt: skip


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # No Django settings, no database; ASCII locale, so that UTF-8 is our doing.
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "meters.protocol.decode", *arguments],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )


def lines(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.decode("utf-8").splitlines()]


def whole_line(expect: dict[str, Any]) -> dict[str, Any]:
    """A vector's `expect` with what is absent as null, and without its answers."""
    return {"event": "frame", **dict.fromkeys(KEYS[1:-1]), **expect}


def check(output: list[dict[str, Any]], vectors: list[dict[str, Any]]) -> None:
    found = [line for line in output if line["event"] == "frame"]
    answers = [answer for line in found for answer in line.pop("reply")]
    assert found == [whole_line(expect) for vector in vectors for expect in expected_frames(vector)]
    assert answers == [answer for vector in vectors for answer in vector.get("reply", [])]


def test_all_vectors_through_one_process() -> None:
    done = run(stdin=b"".join(vector_bytes(vector) for vector in VECTORS))
    assert (done.returncode, done.stderr) == (0, b"")
    check(lines(done.stdout), VECTORS)


@pytest.mark.parametrize("name", ["std2017-a", "syn-gbk-log", "syn-truncated", "php-2011"])
def test_a_vector_from_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "frame.bin"
    file.write_bytes(vector_bytes(BY_ID[name]))
    done = run(str(file))
    assert (done.returncode, done.stderr) == (0, b"")
    check(lines(done.stdout), [BY_ID[name]])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_each_vector_alone(
    vector: dict[str, Any], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "frame.bin"
    file.write_bytes(vector_bytes(vector))
    assert command.main([str(file)]) == 0
    output = lines(capfdbinary.readouterr().out)
    check(output, [vector])
    for line in output:
        if line["event"] == "reject":
            assert list(line) == ["event", "why"]


def test_the_keys_stand_in_the_order_of_the_design() -> None:
    (line,) = lines(run(stdin=GOOD).stdout)
    assert list(line) == KEYS
    assert list(line["reply"][0]) == ["qn", "st", "cn", "pw", "mn", "flag", "cp"]


def test_poison_gives_lines_and_no_traceback() -> None:
    done = run(stdin=bytes(range(256)) * 300 + GOOD)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line["event"] for line in lines(done.stdout)][-1] == "frame"


def test_nothing_in_gives_nothing_out() -> None:
    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_missing_file_is_said_clearly() -> None:
    done = run("no-such-file")
    assert done.returncode == 2
    assert done.stderr == b"decode: cannot read no-such-file: No such file or directory\n"
    assert run(".").returncode == 2


def test_errors_of_reading_and_of_writing_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err

    class Closed(io.BytesIO):
        def write(self, data: Any) -> int:
            raise BrokenPipeError

    with (tmp_path / "out").open("wb") as out:
        closed = io.TextIOWrapper(Closed())
        monkeypatch.setattr(closed, "fileno", out.fileno, raising=False)
        monkeypatch.setattr(sys, "stdout", closed)
        (tmp_path / "in").write_bytes(GOOD)
        assert command.main([str(tmp_path / "in")]) == 0


def test_too_many_arguments_are_refused_with_the_usage() -> None:
    done = run("a", "b")
    assert done.returncode == 2
    assert done.stderr.startswith(b"usage: python -m meters.protocol.decode")


def test_it_reads_standard_input_and_stops_quietly_when_nobody_reads_on(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD * 2)))
    assert command.main([]) == 0
    assert len(lines(capfdbinary.readouterr().out)) == 2


def test_a_closed_pipe_is_no_error() -> None:
    script = f'"{sys.executable}" -m meters.protocol.decode | head -n 1'
    done = subprocess.run(
        ["/bin/sh", "-c", script], input=GOOD * 5000, capture_output=True, cwd=ROOT, timeout=60
    )
    assert len(lines(done.stdout)) == 1
    assert done.stderr == b""
