"""A collector with two circuits, and frames for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from meters.archive import ACCEPTED, RawFrame
from meters.builtin_profiles import BUILTIN_PROFILES
from meters.ingest import Batch, Entry, Store, StoreResult, load_directory
from meters.ingest.interpret import interpret
from meters.models import Collector, MonitoringPoint, Profile
from meters.protocol import NEED_DATA, Decoder, Frame, Message, encode, format_datetime
from tests.factories import CollectorFactory, FacilityFactory, PointFactory

KEPT_FOR = timedelta(days=3650)
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai


def frame_of(
    mn: str,
    at: datetime | str,
    cp: str,
    *,
    st: str = "80",
    cn: str = "2011",
    pw: str = "123456",
    flag: int | None = 9,
    qn: str = "20261123120000000",
    rf: str | None = None,
) -> bytes:
    """Return a frame with this DataTime and these items."""
    text = at if isinstance(at, str) else format_datetime(at)
    return encode(
        Message(
            qn=qn, st=st, cn=cn, pw=pw, mn=mn, flag=flag, rf=rf, cp=f"DataTime={text};{cp}"
        )
    )  # fmt: skip


def decode(raw: bytes) -> Frame:
    decoder = Decoder()
    decoder.feed(raw)
    event = decoder.next_event()
    assert isinstance(event, Frame)
    assert decoder.next_event() is NEED_DATA
    return event


@dataclass
class Plant:
    """One collector with the circuits 100001 and 100002, and the way from bytes to the tables."""

    collector: Collector
    points: list[MonitoringPoint]
    store: Store

    def entry(
        self, raw: bytes, received_at: datetime = NOON, peer: str = "192.0.2.1:4000"
    ) -> Entry:
        directory = load_directory()
        known = directory.collectors[self.collector.mn]
        meaning = interpret(
            decode(raw), known, directory, received_at=received_at, kept_for=KEPT_FOR
        )
        return Entry(
            RawFrame(received_at, peer, ACCEPTED, raw),
            known.id,
            known.enterprise_id,
            meaning.measured_at,
            meaning.readings,
            meaning.issues,
        )

    def frame(self, at: datetime | str, cp: str, **header: object) -> bytes:
        return frame_of(self.collector.mn, at, cp, **header)  # type: ignore[arg-type]

    def take_in(self, *raws: bytes, received_at: datetime = NOON) -> StoreResult:
        """Store the frames in one batch."""
        return self.store.store_batch(Batch([self.entry(raw, received_at) for raw in raws]))


@pytest.fixture
def builtin_profiles(db: None) -> None:
    for builtin in BUILTIN_PROFILES:
        Profile.objects.get_or_create(
            name=builtin.name, defaults={"title": builtin.title, "spec": builtin.spec}
        )


@pytest.fixture
def make_plant(builtin_profiles: None) -> Callable[[], Plant]:
    def make() -> Plant:
        collector = CollectorFactory()
        points = [
            PointFactory(
                collector=collector, circuit=circuit, facility=FacilityFactory(site=collector.site)
            )
            for circuit in ("100001", "100002")
        ]
        return Plant(collector, points, Store("test"))

    return make


@pytest.fixture
def plant(make_plant: Callable[[], Plant]) -> Plant:
    with connection.cursor() as cursor:
        # COPY is the gateway's, which the walls do not bind; in this test's own transaction the
        # owner stands in for it, and COPY is not taken from whom row-level security binds.
        cursor.execute("ALTER TABLE meters_reading NO FORCE ROW LEVEL SECURITY")
    return make_plant()
