"""Recordings: read, registered, sent to a real gateway, and found in the database."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from enterprises.models import Enterprise, Facility, Pairing, Threshold
from meters.gateway.replay.recording import RecordingError, open_recording
from meters.models import Collector, MonitoringPoint, Reading
from meters.protocol import NEED_DATA, Decoder, Frame
from tests.meters.gateway.conftest import RunningGateway

ROWS = """recv_ts,ts,enterprise,facility,active_power_kw,current_a,voltage_v,energy_kwh
2019-11-18 00:00:01.100,2019-11-18 00:00:00,E01,E01-P1,80.5,120.1,379.5,7000.021
2019-11-18 00:00:01.800,2019-11-18 00:00:00,E01,E01-C1,3.4,6.1,380.0,2000.058
2019-11-18 00:00:02.000,2019-11-18 00:00:00,E02,E02-P1,,,,6000.084
2019-11-18 00:00:02.100,2019-11-18 00:00:00,E01,E01-P1,80.5,120.1,379.5,7000.021
2019-11-18 00:01:01.100,2019-11-18 00:01:00,E02,E02-P1,,,,
2019-11-18 03:00:01.100,2019-11-18 00:01:00,E01,E01-P1,81,121,379,7001
"""
ENTERPRISES = """enterprise,name,county,industry,interval_s,night_ban,source
E01,示例一厂,尧都区,饲料加工,60,0,x
E02,示例二厂,洪洞县,钢铁加工,900,1,x
"""
FACILITIES = """enterprise,facility,role,pair,rated_kw,off_below_kw,load_above_kw,source
E01,E01-P1,production,E01-C1,90.0,1.0,20.0,x
E01,E01-C1,control,E01-P1,3.7,0.5,1.5,x
E02,E02-P1,production,,630.0,25.0,60.0,x
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (tmp_path / "enterprises.csv").write_text(ENTERPRISES, encoding="utf-8")
    (tmp_path / "facilities.csv").write_text(FACILITIES, encoding="utf-8")
    path = tmp_path / "readings.csv.gz"
    path.write_bytes(gzip.compress(ROWS.encode()))
    return path


def frames_in(path: Path) -> list[Frame]:
    decoder = Decoder()
    for upload in open_recording(path).uploads(sent_at=datetime(2026, 11, 23, tzinfo=UTC)):
        decoder.feed(upload.data)
    frames = []
    while (event := decoder.next_event()) is not NEED_DATA:
        assert isinstance(event, Frame)
        frames.append(event)
    return frames


def test_rows_of_a_moment_share_a_frame_and_nothing_is_made_up(recording: Path) -> None:
    frames = frames_in(recording)

    assert len({frame.qn for frame in frames}) == len(frames) == 5
    seen = {(frame.fields["DataTime"], frame.rf, json.dumps(frame.factors)) for frame in frames}
    both = {
        "100001": {"Ua": "379.5", "Ia": "120.1", "Pt": "80.5", "Ept": "7000.021", "Flag": "N"},
        "100002": {"Ua": "380.0", "Ia": "6.1", "Pt": "3.4", "Ept": "2000.058", "Flag": "N"},
    }
    first_only = {"100001": both["100001"]}
    late = {"100001": {"Ua": "379", "Ia": "121", "Pt": "81", "Ept": "7001", "Flag": "N"}}
    assert seen == {
        ("20191118000000", None, json.dumps(both)),
        ("20191118000000", None, json.dumps(first_only)),
        ("20191118000100", "1", json.dumps(late)),
        ("20191118000000", None, json.dumps({"100001": {"Ept": "6000.084", "Flag": "N"}})),
        ("20191118000100", None, json.dumps({"100001": {"Flag": "D"}})),
    }


def test_a_replay_registers_sends_and_is_acknowledged(
    recording: Path, running_gateway: RunningGateway
) -> None:
    for attempt in range(2):
        out = StringIO()
        call_command(
            "replay",
            str(recording),
            port=running_gateway.port,
            register=True,
            stdout=out,
            stderr=StringIO(),
        )
        summary = json.loads(out.getvalue())
        assert (summary["rows"], summary["frames"], summary["acked"]) == (6, 5, 5), attempt

    assert set(Enterprise.objects.values_list("code", flat=True)) == {"SCN-E01", "SCN-E02"}
    assert (Collector.objects.count(), MonitoringPoint.objects.count()) == (2, 3)
    assert (Facility.objects.count(), Threshold.objects.count()) == (3, 3)
    pairing = Pairing.objects.get()
    assert [f.code for f in pairing.productions.all()] == ["E01-P1"]
    assert [f.code for f in pairing.controls.all()] == ["E01-C1"]
    assert Reading.objects.count() == 5
    unknown = Reading.objects.get(flag="D")
    assert (unknown.p_kw, unknown.energy_kwh) == (None, None)
    assert Reading.objects.filter(p_kw=80.5).get().measured_at == datetime(
        2019, 11, 17, 16, tzinfo=UTC
    )


def test_a_plain_recording_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "channels.csv").write_text(
        "plant,channel,role,paired_with,rated_kw,off_below_kw,load_above_kw,source\n"
        "steel,factory_total,production,fan,630,25,60,x\n"
        "steel,fan,control,factory_total,55,5.5,22,x\n"
    )
    path = tmp_path / "replay.csv"
    path.write_text(
        "ts,plant,channel,active_power_kw,provenance,source_day,energy_kwh\n"
        "2019-11-18 00:00:00,steel,factory_total,6.5,obs,x,2001.5\n"
        "2019-11-18 00:15:00,steel,factory_total,7.5,obs,x,2003.5\n"
    )

    recording = open_recording(path)

    assert recording.plants["steel"].interval_s == 900
    assert recording.plants["steel"].enterprise_code == "RPL-steel"
    assert [frame.factors for frame in frames_in(path)] == [
        {"100001": {"Pt": "6.5", "Ept": "2001.5", "Flag": "N"}},
        {"100001": {"Pt": "7.5", "Ept": "2003.5", "Flag": "N"}},
    ]


def test_what_is_no_recording_is_refused(tmp_path: Path, recording: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RecordingError, match="neither"):
        open_recording(path)
    with pytest.raises(CommandError, match="cannot read"):
        call_command("replay", str(tmp_path / "missing.csv"))
    (recording.parent / "facilities.csv").unlink()
    with pytest.raises(RecordingError, match=r"facilities\.csv"):
        open_recording(recording)


@pytest.mark.shared
@pytest.mark.parametrize(
    "name, plants",
    [
        ("scenario/readings.csv.gz", 10),
        ("replay/replay_1min_14d.csv.gz", 4),
        ("replay/replay_15min_60d.csv.gz", 4),
    ],
)
def test_the_shared_recordings_are_understood(shared_folder: Path, name: str, plants: int) -> None:
    recording = open_recording(shared_folder / "data" / name)

    assert len(recording.plants) == plants
    uploads = recording.uploads(sent_at=datetime(2026, 11, 23, tzinfo=UTC))
    first: Callable[[], object] = lambda: next(uploads)  # noqa: E731
    assert all(first() for _ in range(100))
