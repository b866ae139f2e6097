"""``manage.py replay``: sends recorded readings to a gateway as HJ 212 uploads."""

import asyncio
import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from meters.gateway.replay.recording import Recording, RecordingError, open_recording
from meters.gateway.replay.registration import register
from meters.gateway.replay.sender import Sender, Tally

GIVE_UP_S = 60.0  # without any acknowledgement


class Command(BaseCommand):
    help = (
        "Send a readings file to an HJ 212 gateway, one connection for each enterprise, and send "
        "again what was not acknowledged. Prints a summary as JSON."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="readings, .csv or .csv.gz")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9212)
        parser.add_argument(
            "--speed", type=_speed, default=0.0, help="times the recorded pace; 0 or max: no wait"
        )
        parser.add_argument("--window", type=int, default=64, help="unanswered frames at once")
        parser.add_argument(
            "--register",
            action="store_true",
            help="first register the enterprises, facilities and collectors of the recording",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            recording = open_recording(options["file"])
            if options["register"]:
                new = register(recording.plants.values())
                self.stderr.write(f"registered {new} new of {len(recording.plants)} enterprises")
            summary = asyncio.run(
                _replay(
                    recording,
                    options["host"],
                    options["port"],
                    speed=options["speed"],
                    window=max(1, options["window"]),
                )
            )
        except RecordingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(summary))
        if summary["acked"] < summary["frames"]:
            raise CommandError(
                f"no acknowledgement for {GIVE_UP_S:.0f} s: is a gateway listening there, and are "
                "the collectors registered (--register)?"
            )


async def _replay(
    recording: Recording, host: str, port: int, *, speed: float, window: int
) -> dict[str, float]:
    tally = Tally()
    began = time.monotonic()
    rows = 0
    senders: dict[str, Sender] = {}

    async def send_all() -> None:
        nonlocal rows
        first: datetime | None = None
        for upload in recording.uploads(sent_at=datetime.now(UTC)):
            if speed:
                first = first or upload.arrived_at
                due = began + (upload.arrived_at - first).total_seconds() / speed
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            if (sender := senders.get(upload.mn)) is None:
                sender = senders[upload.mn] = Sender(host, port, tally, window=window)
            await sender.send(upload.qn, upload.data)
            rows += len(upload.row_keys)
        await asyncio.gather(*(sender.finish() for sender in senders.values()))

    sending = asyncio.create_task(send_all())
    await _until_done_or_stuck(sending, tally)
    await asyncio.gather(*(sender.stop() for sender in senders.values()))
    return {
        "rows": rows,
        "frames": tally.sent,
        "acked": tally.acknowledged,
        "resent": tally.resent,
        "seconds": round(time.monotonic() - began, 3),
    }


async def _until_done_or_stuck(sending: "asyncio.Task[None]", tally: Tally) -> None:
    """Wait until all is sent, or until frames are out and nothing is acknowledged for long."""
    progress, since = (0, 0), time.monotonic()
    while not sending.done():
        await asyncio.wait({sending}, timeout=0.5)
        now = (tally.sent, tally.acknowledged)
        if now != progress or tally.sent == tally.acknowledged:
            progress, since = now, time.monotonic()
        elif time.monotonic() - since > GIVE_UP_S:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            return
    sending.result()


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: expected a number or max") from error
    if speed < 0:
        raise ArgumentTypeError("expected 0 or more")
    return speed
