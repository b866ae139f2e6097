"""Promise 1: an acknowledged reading is never lost, whatever is killed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from meters import archive
from meters.models import RawChunk, Reading
from tests.meters.gateway.conftest import RunningGateway, Station
from tests.meters.gateway.kills import upload_through_kills


def test_killed_again_and_again_it_loses_no_acknowledged_reading(
    station: Callable[[], Station], running_gateway: RunningGateway
) -> None:
    stations = [station() for _ in range(4)]
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)

    def make_frame(here: Station, at: datetime, qn: str) -> bytes:
        return here.frame(at, f"100001-Pt={value_at(at)};100002-Ept=7", qn=qn, flag=5)

    outcome = asyncio.run(
        upload_through_kills(
            running_gateway,
            [partial(make_frame, here) for here in stations],
            kills=3,
            first=first,
            seed=1,
        )
    )

    assert outcome.tally.resent > 0  # it was hit while frames were under way
    for here, acknowledged, sent in zip(stations, outcome.acknowledged, outcome.sent, strict=True):
        assert len(sent) > 20
        assert acknowledged == sent
        rows = Reading.objects.filter(point=here.points[0]).values_list("measured_at", "p_kw")
        assert dict(rows) == {at: float(value_at(at)) for at in sent}
        assert Reading.objects.filter(point=here.points[1]).count() == len(sent)
    assert_chains_are_whole()


def value_at(at: datetime) -> str:
    return f"{at.minute}.{at.second:02d}"


def assert_chains_are_whole() -> None:
    streams: dict[str, list[archive.Chunk]] = {}
    for row in RawChunk.objects.order_by("id"):
        streams.setdefault(row.stream, []).append(
            archive.Chunk(
                row.id,
                row.received_at,
                row.frame_count,
                bytes(row.payload),
                bytes(row.previous_sha256),
                bytes(row.sha256),
            )
        )
    assert streams
    for chunks in streams.values():
        assert archive.find_broken(chunks) is None
