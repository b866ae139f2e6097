"""Who may send: the collectors, their points and profiles, as one snapshot in memory."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from meters.ingest.layout import Layouts
from meters.models import Collector, MonitoringPoint, Profile
from meters.profiles import CompiledProfile, ProfileError, compile_profile
from meters.protocol import CrcKind, FrameProfile

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownCollector:
    """What ingest needs of a collector. profile: None takes the first that matches each frame."""

    id: int
    mn: str
    enterprise_id: int
    password: str
    is_enabled: bool
    interval_s: int
    profile: CompiledProfile | None
    points: Mapping[str, int]  # circuit -> point
    layouts: Layouts = field(default_factory=Layouts, compare=False)  # a memory only


@dataclass(frozen=True, slots=True)
class Directory:
    """A snapshot. frame: what one port must accept to take every enabled profile's frames."""

    collectors: dict[str, KnownCollector] = field(default_factory=dict)
    profiles: tuple[CompiledProfile, ...] = ()
    frame: FrameProfile = field(default_factory=FrameProfile)


def load_directory(
    only_mns: Collection[str] | None = None, *, previous: Directory | None = None
) -> Directory:
    """Read the directory, whole or for some MNs, in three queries.

    previous: a directory whose collectors are kept where nothing about them has changed.
    """
    compiled = {
        pk: profile
        for pk, name, spec in Profile.objects.filter(is_enabled=True)
        .order_by("pk")
        .values_list("pk", "name", "spec")
        if (profile := _compile(name, json.dumps(spec, sort_keys=True))) is not None
    }
    collectors = Collector.objects.all()
    points = MonitoringPoint.objects.in_use()
    if only_mns is not None:
        collectors = collectors.filter(mn__in=only_mns)
        points = points.filter(collector__mn__in=only_mns)
    points_of: dict[int, dict[str, int]] = {}
    # iterator(): a province has 220,000 points, and the gateway's loop wants its turns meanwhile.
    for collector_id, circuit, pk in points.values_list("collector_id", "circuit", "pk").iterator():
        points_of.setdefault(collector_id, {})[circuit] = pk
    profiles = tuple(compiled.values())
    kept = previous.collectors if previous and previous.profiles == profiles else {}
    known: dict[str, KnownCollector] = {}
    rows = collectors.values_list(
        "pk", "mn", "enterprise_id", "password", "is_enabled", "expected_interval_s", "profile_id"
    )
    for pk, mn, enterprise_id, password, is_enabled, interval_s, profile_id in rows.iterator():
        collector = KnownCollector(
            pk,
            mn,
            enterprise_id,
            password,
            is_enabled,
            interval_s,
            compiled.get(profile_id) if profile_id else None,
            points_of.get(pk, {}),
        )
        old = kept.get(mn)
        known[mn] = old if old is not None and old == collector else collector
    return Directory(known, profiles, _tolerant_frame(profiles))


@lru_cache(maxsize=256)
def _compile(name: str, spec: str) -> CompiledProfile | None:
    """Return the profile made ready; one that cannot be used is left out, with a word."""
    try:
        return compile_profile(json.loads(spec), name=name)
    except ProfileError as error:
        logger.error("profile %s cannot be used: %s", name, error)
        return None


def _tolerant_frame(profiles: Collection[CompiledProfile]) -> FrameProfile:
    """Return what takes in the frames of all profiles: the MN is known only after the frame."""
    frames = [profile.frame for profile in profiles] or [FrameProfile()]
    kinds = {kind for frame in frames for kind in frame.crc}
    return FrameProfile(
        crc=tuple(kind for kind in CrcKind if kind in kinds),
        max_segment=max(frame.max_segment for frame in frames),
        crlf_required=all(frame.crlf_required for frame in frames),
        short_length=any(frame.short_length for frame in frames),
        length_plus_6=any(frame.length_plus_6 for frame in frames),
    )
