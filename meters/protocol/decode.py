"""``python -m meters.protocol.decode [FILE]``: bytes of HJ 212 in, one JSON object a line out.

``{"event":"frame",..}`` for each frame a server must deliver, with what it answers under
``reply``; ``{"event":"reject","why":..}`` for what it refuses. What a frame does not have is null.
Reads standard input without FILE. Exit code 2 if FILE cannot be read. UTF-8 out.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from meters.protocol.answers import reply
from meters.protocol.decoder import Decoder
from meters.protocol.encoder import Message
from meters.protocol.events import NEED_DATA, Event, Frame

_CHUNK = 1 << 16


def as_json(event: Event) -> dict[str, object]:
    """Return an event as the JSON object of its line."""
    if not isinstance(event, Frame):
        return {"event": "reject", "why": event.why}
    line: dict[str, object] = {
        "event": "frame",
        "qn": event.qn,
        "st": event.st,
        "cn": event.cn,
        "pw": event.pw,
        "mn": event.mn,
        "flag": event.flag,
        "version": event.version,
        "ack": event.ack,
        "split": event.split,
        "pnum": event.pnum,
        "pno": event.pno,
        "rf": event.rf,
        "cp": event.cp,
        "fields": event.fields,
        "factors": event.factors,
        "reply": [_answer_as_json(answer) for answer in reply(event)],
    }
    if event.charset != "utf-8":
        line["charset"] = event.charset
    return line


def _answer_as_json(answer: Message) -> dict[str, object]:
    return {
        "qn": answer.qn,
        "st": answer.st,
        "cn": answer.cn,
        "pw": answer.pw,
        "mn": answer.mn,
        "flag": answer.flag,
        "cp": answer.cp,
    }


def read_events(source: BinaryIO) -> Iterator[Event]:
    """Yield the events of a stream to its end, as soon as its bytes decide them."""
    decoder = Decoder()
    read = getattr(source, "read1", source.read)  # a pipe gives what it has, without waiting
    while data := read(_CHUNK):
        decoder.feed(data)
        yield from _drain(decoder)
    decoder.end_of_input()
    yield from _drain(decoder)


def _drain(decoder: Decoder) -> Iterator[Event]:
    while (event := decoder.next_event()) is not NEED_DATA:
        yield event


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 with a word on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m meters.protocol.decode",
        description="Decode HJ 212 bytes: one JSON object a line for each frame or refusal.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: standard input")
    path = parser.parse_args(arguments).file
    try:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(Path(path).open("rb")) if path else sys.stdin.buffer
            for event in read_events(source):
                line = json.dumps(as_json(event), ensure_ascii=False, separators=(",", ":"))
                sys.stdout.buffer.write(line.encode() + b"\n")
                if not path:
                    sys.stdout.buffer.flush()
            sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read our output had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"decode: cannot read {path or 'standard input'}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":  # pragma: no cover - the tests run it as a process
    sys.exit(main())
