"""Acknowledged readings lost when the gateway is killed (-9) again and again during uploads."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench._gateway import CIRCUITS, Station, gateway, make_stations, say, scratch_database
from meters.models import Reading
from tests.meters.gateway.kills import MakeFrame, upload_through_kills

STATIONS = 20


def run(rounds: int = 20) -> Iterator[dict[str, object]]:
    """Yield what was acknowledged, what of it was lost, and what was altered or made up."""
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)

    def frames_of(station: Station) -> MakeFrame:
        return lambda at, qn: station.frame(at, int(qn[8:]))

    with scratch_database(), gateway() as running:
        stations = make_stations(STATIONS)
        outcome = asyncio.run(
            upload_through_kills(
                running,
                [frames_of(station) for station in stations],
                kills=rounds,
                first=first,
                seed=212,
                on_kill=lambda number: say(f"killed {number} of {rounds} times"),
            )
        )
        lost = strange = acknowledged = 0
        for station, answered, sent in zip(
            stations, outcome.acknowledged, outcome.sent, strict=True
        ):
            acknowledged += len(answered) * CIRCUITS
            stored = set(
                Reading.objects.filter(point__in=station.points).values_list(
                    "point_id", "measured_at"
                )
            )
            lost += sum((point, at) not in stored for point in station.points for at in answered)
            strange += sum(at not in sent for _, at in stored)
    name = f"kill -9 of the gateway, {rounds} times"
    yield {"name": f"{name}: readings acknowledged", "value": acknowledged, "unit": "readings"}
    yield {"name": f"{name}: frames sent again", "value": outcome.tally.resent, "unit": "frames"}
    yield {"name": f"{name}: acknowledged and lost", "value": lost, "unit": "readings"}
    yield {"name": f"{name}: stored and never sent", "value": strange, "unit": "readings"}
