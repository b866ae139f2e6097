"""Frames that the shipped profiles read back to the very values that were measured."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from meters.builtin_profiles import BUILTIN_PROFILES
from meters.profiles import QUANTITIES, compile_profile, read_frame
from meters.protocol import NEED_DATA, Decoder, Frame, Message, encode, parse_datetime
from meters.simulator.machines import Machine, Shape
from meters.simulator.plants import Feed
from meters.simulator.wire import DIALECTS, upload_bodies
from tests.meters.simulator.plants import NOW, make_plant, quiet_feed

CIRCUITS = {
    "st44-2025": ["201", "301", "202", "302", "303", "101"],
    "st80-family-a": ["01", "02", "03", "04", "05", "06"],
    "st80-family-b": ["100001", "100002", "100003", "100004", "100005", "100006"],
}


def frames_of(profile: str, feed: Feed, at: int) -> list[Frame]:
    dialect = DIALECTS[profile]
    decoder = Decoder()
    for number, body in enumerate(upload_bodies(dialect, at, feed.measure(at))):
        message = Message(
            qn=f"2026112316000{number:04d}",
            st=dialect.st,
            cn="2011",
            pw="ABC234",
            mn="F" * 24,
            flag=9,
            rf="1",
            cp=body,
        )
        decoder.feed(encode(message))
    found = []
    while (event := decoder.next_event()) is not NEED_DATA:
        assert isinstance(event, Frame)
        found.append(event)
    return found


@pytest.mark.parametrize("profile", DIALECTS)
def test_a_profile_reads_every_value_back(profile):
    plant = make_plant(profile=profile)
    machines = [
        replace(machine, circuit=circuit)
        for machine, circuit in zip(plant.machines, CIRCUITS[profile], strict=True)
    ]
    plant = replace(plant, machines=tuple(machines))
    spec = next(builtin.spec for builtin in BUILTIN_PROFILES if builtin.name == profile)
    compiled = compile_profile(spec)
    read = {}
    for frame in frames_of(profile, quiet_feed(plant), NOW):
        assert parse_datetime(frame.fields["DataTime"]) == datetime.fromtimestamp(NOW, UTC)
        found = read_frame(compiled, frame)
        assert not found.unknown_codes
        for circuit, values, flag in found.circuits:
            assert circuit not in read  # never parted over two frames
            assert flag == "N"
            read[circuit] = dict(zip(QUANTITIES, values, strict=True))
    measured = {m.circuit: s for m, s in quiet_feed(plant).measure(NOW)}
    assert read.keys() == measured.keys()
    for circuit, sample in measured.items():
        assert read[circuit] == pytest.approx(sample._asdict(), abs=1e-6)


@pytest.mark.parametrize("profile", DIALECTS)
def test_the_longest_values_of_ten_circuits_still_fit_their_frames(profile):
    machines = tuple(
        Machine(
            f"big/{n}",
            f"2{n:02d}" if "44" in profile else f"{n:02d}",
            "PRODUCTION",
            Shape.STEADY,
            9999.0,
            phase_v=5773.5,
        )
        for n in range(10)
    )
    feed = quiet_feed(make_plant(machines=machines, profile=profile))
    assert sum(len(frame.factors) for frame in frames_of(profile, feed, NOW)) >= 10
