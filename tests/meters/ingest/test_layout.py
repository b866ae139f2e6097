"""A layout says exactly what the parser says, or nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meters.builtin_profiles import BUILTIN_PROFILES
from meters.gateway.answers import answer, answer_upload
from meters.ingest.directory import Directory, KnownCollector
from meters.ingest.interpret import Meaning, interpret
from meters.profiles import compile_profile
from meters.protocol import AnswerProfile, AnswerUploads, Frame
from tests.meters.ingest.conftest import KEPT_FOR, NOON, decode, frame_of

PROFILES = {builtin.name: compile_profile(builtin.spec) for builtin in BUILTIN_PROFILES}
POINTS = {"100001": 1, "100002": 2, "01": 3, "02": 4}

ODD_NUMBERS = "0 -0 5. .5 . - -.5 +1 1e3 1_0 nan inf --1 1-2 1.2.3 ١ 1// 1=2 //a;b=c// -99999999"
numbers = st.one_of(
    st.sampled_from(ODD_NUMBERS.split()),
    st.sampled_from(["", " 1", "1 ", "9" * 14, "9" * 15, "1." + "3" * 20, "1." + "3" * 21]),
    st.decimals(-1000, 100_000, places=5).map(str),
    st.text("0123456789.-+e_ /=;,N", max_size=16),
)
PLAIN_NAMES = [
    *(f"{code}-{field}" for code in ("100001", "100002") for field in ("Ua", "Pt", "Ept", "Flag")),
    *(f"ea3001{circuit}{what}-Rtd" for circuit in ("01", "02") for what in ("01", "05", "07")),
    *("100001-Pa", "PolId", "ea30010101-Flag", "ea30010105-Avg", "ea30010106-Rtd"),
]
ODD_NAMES = ["100003-Ua", "100001-Foo", "DataTime", "x-", "-x", "ea30010104-Rtd"]
flags = st.sampled_from(["N", "D", "", "n", "N "])


@st.composite
def layouts(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Return names, each with the separator after it."""
    family = draw(st.sampled_from(["1", "e"]))
    plain = [name for name in PLAIN_NAMES if name[0] in {family, "P"}]
    names = st.sampled_from(draw(st.sampled_from([plain, plain, PLAIN_NAMES + ODD_NAMES])))
    marks = st.sampled_from(";,")
    is_twice_allowed = draw(st.booleans())
    unique_by = None if is_twice_allowed else (lambda pair: pair[0])
    return draw(st.lists(st.tuples(names, marks), min_size=1, max_size=12, unique_by=unique_by))


def body(layout: list[tuple[str, str]], values: list[str]) -> str:
    return "".join(
        f"{name}={value}{mark}" for (name, mark), value in zip(layout, values, strict=True)
    ).rstrip(";,")


def known(profile: str | None) -> tuple[KnownCollector, Directory]:
    found = PROFILES[profile] if profile else None
    collector = KnownCollector(1, "MN1", 1, "123456", True, 60, found, POINTS)
    return collector, Directory({"MN1": collector}, tuple(PROFILES.values()))


def read(text: str, collector: KnownCollector, directory: Directory) -> Meaning:
    frame = Frame(b"", b"", {"ST": "80", "CN": "2011"}, text.encode())
    return interpret(frame, collector, directory, received_at=NOON, kept_for=KEPT_FOR)


@settings(max_examples=400, deadline=None)
@given(st.data())
@pytest.mark.parametrize("profile", ["st80-family-b", "st80-family-b-watt", "st80-family-a", None])
def test_with_or_without_a_memory_a_frame_means_the_same(
    profile: str | None, data: st.DataObject
) -> None:
    layout = data.draw(layouts())
    collector, directory = known(profile)
    for _ in range(4):
        values = [
            data.draw(flags if name.endswith("Flag") else numbers)
            if data.draw(st.integers(0, 9)) == 0
            else "N"
            if name.endswith("Flag")
            else str(data.draw(st.integers(0, 300)))
            for name, _ in layout
        ]
        text = "DataTime=20261123120000;" + body(layout, values)
        fresh, directory = known(profile)

        assert repr(read(text, collector, directory)) == repr(read(text, fresh, directory))


def test_a_repeated_frame_is_not_parsed() -> None:
    collector, directory = known(None)
    first = "DataTime=20261123120000;100001-Pt=1,100001-Ua=220,100001-Flag=N;100002-Pt=2"
    read(first, collector, directory)
    frame = Frame(b"", b"", {"ST": "80", "CN": "2011"}, first.replace("=1,", "=7.5,").encode())

    meaning = interpret(frame, collector, directory, received_at=NOON, kept_for=KEPT_FOR)

    assert "_parameters" not in vars(frame)
    assert [reading.p_kw for reading in meaning.readings] == [7.5, 2]
    assert meaning.readings[0].ua == 220


def test_the_time_of_a_repeated_frame_is_judged() -> None:
    collector, directory = known("st80-family-b")
    texts = [
        f"DataTime={time};100001-Pt=1"
        for time in ("20261123120000", "20261323120000", "20271123120000", "19991123120000")
    ]

    reasons = [
        [issue.reason for issue in read(text, collector, directory).issues] for text in texts
    ]

    assert reasons == [[], ["BAD_TIME"], ["FUTURE_TIME"], ["ANCIENT_TIME"]]


def test_a_collector_has_few_layouts() -> None:
    collector, directory = known("st80-family-b")
    for number in range(50):
        read(f"DataTime=20261123120000;Foo{number}=1;100001-Pt=1", collector, directory)

    assert len(collector.layouts._known) == 8


@pytest.mark.parametrize("flag", [None, 0, 1, 4, 5, 8, 9, 11])
@pytest.mark.parametrize("qn", ["20261123120000000", "2026", "", "x" * 17])
@pytest.mark.parametrize("uploads", AnswerUploads)
def test_an_upload_is_answered_as_any_frame(
    flag: int | None, qn: str, uploads: AnswerUploads
) -> None:
    profile = AnswerProfile(uploads=uploads)
    for minute in range(2):
        at = datetime(2026, 11, 23, 4, minute, tzinfo=UTC) + timedelta(0)
        frame = decode(frame_of("MN1", at, "100001-Pt=1", flag=flag, qn=qn))

        assert answer_upload(frame, profile) == answer(frame, profile)
