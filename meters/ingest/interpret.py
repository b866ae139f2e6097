"""What a sound frame means to us. Pure: the same frame, directory and time give the same result.

Whom we let in (HJ 212 has no login and no negative answer): a frame whose MN is unknown or
disabled, or whose PW is wrong, is kept raw and counted, and gets **no** answer. An answer would
tell a stranger which MNs exist, and 9014 would tell a collector that its data are safe when they
are in nobody's books; without one it sends again once it is registered. All that comes from a
collector we know is answered when it asks, whether it became a reading or not: to send the same
bad time again would help nobody, and the raw frame is kept to be read again.
"""

from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final, NamedTuple

from meters.ingest.directory import Directory, KnownCollector
from meters.ingest.entries import Issue, NewReading, storable
from meters.ingest.layout import read_time
from meters.models import IntakeReason
from meters.profiles import CompiledProfile, find_profile, read_frame
from meters.protocol import AnswerProfile, Frame

DEFAULT_ANSWER: Final = AnswerProfile(unknown_commands=True)
GOOD: Final = "N"  # HJ 212-2017, data flags; also what stands where no flag was sent
READINGS_CN: Final = "2011"  # HJ 212-2017: real-time data
# HJ 212-2017: power-on (2081), time request (1013), answers of the field (9011..9014); 2025: 9015.
# They carry no readings and nothing is odd about them.
_SIGNS_OF_LIFE: Final = frozenset({"1013", "2081", "9011", "9012", "9013", "9014", "9015"})
_BACKFILL_AFTER: Final = timedelta(minutes=5)
_BACKFILL_INTERVALS: Final = 3


class Meaning(NamedTuple):
    """What a frame of a known collector brings. answer: by whose rules it is answered."""

    answer: AnswerProfile
    measured_at: datetime | None = None
    readings: tuple[NewReading, ...] = ()
    issues: tuple[Issue, ...] = ()


def admit(frame: Frame, collector: KnownCollector | None) -> IntakeReason | None:
    """Return why the frame is not let in, None if it is. Compares PW in constant time."""
    if collector is None:
        return IntakeReason.UNKNOWN_MN
    given = (frame.pw or "").encode("utf-8", "replace")
    if not compare_digest(given, collector.password.encode()):
        return IntakeReason.WRONG_PASSWORD
    return None if collector.is_enabled else IntakeReason.DISABLED_MN


def interpret(
    frame: Frame,
    collector: KnownCollector,
    directory: Directory,
    *,
    received_at: datetime,
    kept_for: timedelta,
) -> Meaning:
    """Return the readings of a frame that was let in, and all that was odd about it.

    received_at: aware; a DataTime further ahead of it than the profile allows, or further back
        than ``kept_for``, gives no reading.
    """
    recalled = collector.layouts.recall(frame)
    if recalled is not None:
        profile = recalled.layout.profile
        text, measured_at = recalled.time_text, recalled.measured_at
    else:
        if frame.cn != READINGS_CN and not _is_claimed(frame, collector, directory):
            return _without_readings(frame, collector)
        if not frame.factors:
            return _without_readings(frame, collector, is_odd=False)  # a request heard back
        found = collector.profile or find_profile(directory.profiles, frame)
        if found is None or not found.matches(frame):
            return _refused(IntakeReason.NO_PROFILE, collector, f"{frame.st}/{frame.cn}", found)
        profile = found
        text = frame.fields.get("DataTime", "")
        measured_at = read_time(text)
    if measured_at is None or len(text) not in profile.time_digits:
        return _refused(IntakeReason.BAD_TIME, collector, text, profile)
    age = received_at - measured_at
    if age.total_seconds() < -profile.max_future_s:
        return _refused(IntakeReason.FUTURE_TIME, collector, "", profile)
    if age > kept_for:
        return _refused(IntakeReason.ANCIENT_TIME, collector, "", profile)
    late = max(_BACKFILL_AFTER, timedelta(seconds=_BACKFILL_INTERVALS * collector.interval_s))
    is_backfill = frame.rf == "1" or age > late
    if recalled is not None:
        readings = recalled.readings(measured_at, received_at, is_backfill)
        return Meaning(profile.answer, measured_at, readings)
    return _read(frame, collector, profile, measured_at, received_at, is_backfill)


def _read(
    frame: Frame,
    collector: KnownCollector,
    profile: CompiledProfile,
    measured_at: datetime,
    received_at: datetime,
    is_backfill: bool,
) -> Meaning:
    circuits, unknown_codes, bad_values = read_frame(profile, frame)
    points = collector.points
    readings: list[NewReading] = []
    issues: list[Issue] = []
    for circuit, values, flag in circuits:
        point_id = points.get(circuit)
        if point_id is None:
            issues.append(Issue(IntakeReason.UNKNOWN_CIRCUIT, collector.mn, circuit))
        elif flag == GOOD and values.count(None) == len(values):
            continue  # nothing usable: a row would only keep the true values out
        else:
            readings.append(
                NewReading._make((point_id, measured_at, received_at, *values, flag, is_backfill))
            )
    for code in unknown_codes:
        issues.append(Issue(IntakeReason.UNKNOWN_CODE, collector.mn, storable(code)))
    for code in bad_values:
        issues.append(Issue(IntakeReason.BAD_VALUE, collector.mn, storable(code)))
    meaning = Meaning(profile.answer, measured_at, tuple(readings), tuple(issues))
    if not issues and len(readings) == len(circuits):
        collector.layouts.learn(frame, profile, points, meaning.readings)
    return meaning


def _is_claimed(frame: Frame, collector: KnownCollector, directory: Directory) -> bool:
    """Return whether a profile claims the command though it is not 2011."""
    candidates = (collector.profile,) if collector.profile else directory.profiles
    return any(frame.cn in profile.commands for profile in candidates)


def _without_readings(frame: Frame, collector: KnownCollector, *, is_odd: bool = True) -> Meaning:
    answer = collector.profile.answer if collector.profile else DEFAULT_ANSWER
    if (
        not is_odd
        or frame.cn in _SIGNS_OF_LIFE
        or frame.cn in answer.notifications
        or frame.cn == answer.login_cn
    ):
        return Meaning(answer)
    issue = Issue(IntakeReason.UNKNOWN_COMMAND, collector.mn, storable(frame.cn))
    return Meaning(answer, issues=(issue,))


def _refused(
    reason: IntakeReason,
    collector: KnownCollector,
    code: str | None,
    profile: CompiledProfile | None,
) -> Meaning:
    issue = Issue(reason, collector.mn, storable(code))
    return Meaning(profile.answer if profile else DEFAULT_ANSWER, issues=(issue,))
