"""The enterprise file 一企一档 as it stood at an instant, in a fixed number of queries.

Each query brings its dated records along as JSON arrays, because every record before stands on the
page too: one row a facility, collector or site, whatever its history.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from common.localtime import to_local
from enterprises.industries import IndustryClass, find_industry
from enterprises.models import (
    Attachment,
    Contact,
    ContactKind,
    Enterprise,
    Facility,
    LineGrade,
    Pairing,
    PairingMode,
    ProductionLine,
    Site,
    Threshold,
    ThresholdSource,
)
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint
from reports.queries.online import stale_after
from tenancy.access import Scope

#: How long before a certificate expires it is marked (domain reference 8, R18; assumption).
CERTIFICATE_SOON = timedelta(days=30)


class Record(dict[str, Any]):
    """One dated record as its query brought it: moments and days are read, ``id`` is the key."""

    @property
    def start(self) -> datetime:
        return self["valid_from"]

    @property
    def end(self) -> datetime | None:
        return self.get("valid_to")

    @property
    def is_approved(self) -> bool:
        return bool(self.get("approved_at"))


@dataclass(slots=True)
class Parted:
    """The records of one thing, seen from an instant: in force, planned, and before (newest first).

    ``rows`` that end with the next one's start have ``valid_to`` filled in.
    """

    current: Record | None = None
    planned: list[Record] = field(default_factory=list)
    before: list[Record] = field(default_factory=list)


@dataclass(slots=True)
class PointFile:
    """A monitoring point with its meters."""

    id: int
    circuit: str
    facility_id: int
    is_accepted: bool
    retired_at: datetime | None
    collector: Collector
    meters: Parted
    certificate: str = ""  # "expired", "soon" or "" at the day
    files: list[Attachment] = field(default_factory=list)  # of the meter in force and of the point

    @property
    def is_current(self) -> bool:
        return self.retired_at is None

    @property
    def anchor(self) -> str:
        return f"files-point-{self.id}"

    @property
    def carrier(self) -> tuple[str, int]:
        """What a new photo hangs on: the meter record in force, else the point."""
        meter = self.meters.current
        return ("meter", meter["id"]) if meter else ("point", self.id)


@dataclass(slots=True)
class FacilityFile:
    facility: Facility
    thresholds: Parted
    points: list[PointFile] = field(default_factory=list)


@dataclass(slots=True)
class LineFile:
    """A line, or what stands on no line (``id`` None)."""

    id: int | None
    name: str
    grades: Parted
    facilities: list[FacilityFile] = field(default_factory=list)


@dataclass(slots=True)
class PairingFile:
    """A pairing with the names on either side and its mode in words."""

    pairing: Pairing
    productions: list[Facility]
    controls: list[Facility]
    is_approved: bool

    @property
    def mode_words(self) -> str:
        return say_mode(self.pairing.mode, self.pairing.at_least)


@dataclass(slots=True)
class CollectorFile:
    collector: Collector
    devices: Parted
    points: list[PointFile]
    latest_at: datetime | None
    is_online: bool
    files: list[Attachment] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return f"files-collector-{self.collector.pk}"


@dataclass(slots=True)
class SiteFile:
    site: Site
    lines: list[LineFile]
    pairings: list[PairingFile]
    planned_pairings: list[PairingFile]
    pairings_before: list[PairingFile]
    collectors: list[CollectorFile]
    retired: list[FacilityFile]
    may_edit_devices: bool = False
    may_attach: bool = False

    @property
    def has_facilities(self) -> bool:
        return any(line.facilities for line in self.lines)


@dataclass(slots=True)
class Waiting:
    """A record that nobody has approved yet."""

    kind: str  # "threshold" or "pairing"
    id: int
    label: str
    recorded_by: str


@dataclass(slots=True)
class File:
    """Everything on the page."""

    enterprise: Enterprise
    industry_class: IndustryClass | None
    contacts: list[dict[str, Any]]
    sites: list[SiteFile]
    waiting: list[Waiting]
    grades: list[tuple[str, str]]  # line, grade in force


def get_file(
    enterprise: Enterprise,
    *,
    scope: Scope,
    at: datetime,
    now: datetime,
    with_contacts: bool,
) -> File:
    """Return the file as it stood at ``at`` (aware; ``now`` for today's). Four queries.

    ``enterprise`` comes from ``get_enterprise``. Only sites, facilities and devices within the
    scope are in it.
    """
    facilities = _get_facilities(enterprise, scope)
    names = {facility.pk: facility for facility in facilities}
    pairings = _get_pairings(enterprise, scope)
    collectors = _get_collectors(enterprise, scope)
    points_of: dict[int, list[PointFile]] = defaultdict(list)
    collectors_of: dict[int, list[CollectorFile]] = defaultdict(list)
    for collector in collectors:
        made = _make_collector(collector, at=at, now=now)
        if made.collector.site_id:
            collectors_of[collector.site_id].append(made)
        for point in made.points:
            points_of[point.facility_id].append(point)
    facilities_of: dict[int, list[FacilityFile]] = defaultdict(list)
    for facility in facilities:
        rows = _read(facility.threshold_rows)  # type: ignore[attr-defined]
        facilities_of[facility.site_id].append(
            FacilityFile(facility, part(rows, at), points_of[facility.pk])
        )
    sites = [
        _make_site(
            site,
            facilities_of[site.pk],
            [_make_pairing(row, names, at) for row in pairings if row.site_id == site.pk],
            collectors_of[site.pk],
            at,
        )
        for site in _get_sites(enterprise, scope)
    ]
    contacts = enterprise.contact_rows if with_contacts else []  # type: ignore[attr-defined]
    labels = dict(ContactKind.choices)
    return File(
        enterprise=enterprise,
        industry_class=find_industry(enterprise.industry_code),
        contacts=[{**row, "kind_label": labels.get(row["kind"], row["kind"])} for row in contacts],
        sites=sites,
        waiting=_waiting(sites),
        grades=[
            (line.name, line.grades.current["grade"])
            for site in sites
            for line in site.lines
            if line.grades.current
        ],
    )


def say_mode(mode: str, at_least: int) -> str:
    """Return the mode as the bracket says it: any, all, at least 2."""
    if mode == PairingMode.AT_LEAST:
        return _("at least %(count)s") % {"count": at_least}
    return _("all of them") if mode == PairingMode.ALL else _("any of them")


def part(rows: Sequence[Record], at: datetime) -> Parted:
    """Return the records parted at an instant; without an end one lasts to the next one's start."""
    ordered = sorted(rows, key=lambda row: row.start)
    for row, following in pairwise(ordered):
        if row.get("valid_to") is None:
            row["valid_to"] = following.start
    out = Parted()
    for row in ordered:
        if row.start > at:
            out.planned.append(row)
        elif row.end is not None and row.end <= at:
            out.before.insert(0, row)
        else:
            out.current = row
    return out


# --- reading ---


def get_enterprise(pk: int, *, scope: Scope) -> Enterprise | None:
    """Return the enterprise with county and contacts, None outside the scope. One query."""
    contacts = Contact.objects.filter(enterprise=OuterRef("pk")).order_by("kind", "pk")
    return (
        Enterprise.objects.within(scope)
        .filter(pk=pk)
        .select_related("county")
        .annotate(
            contact_rows=ArraySubquery(
                contacts.values(
                    row=JSONObject(id="pk", kind="kind", name="name", phone="phone", email="email")
                )
            )
        )
        .first()
    )


def _get_sites(enterprise: Enterprise, scope: Scope) -> list[Site]:
    grades = LineGrade.objects.filter(line=OuterRef("pk")).order_by("valid_from")
    lines = (
        ProductionLine.objects.filter(site=OuterRef("pk"))
        .order_by("position", "pk")
        .values(
            row=JSONObject(
                id="pk",
                name="name",
                grades=ArraySubquery(
                    grades.values(
                        row=JSONObject(
                            id="pk", grade="grade", valid_from="valid_from", basis="basis"
                        )
                    )
                ),
            )
        )
    )
    return list(
        Site.objects.within(scope)
        .filter(enterprise=enterprise)
        .annotate(line_rows=ArraySubquery(lines))
        .order_by("pk")
    )


def _get_facilities(enterprise: Enterprise, scope: Scope) -> list[Facility]:
    thresholds = (
        Threshold.objects.filter(facility=OuterRef("pk"))
        .order_by("valid_from")
        .values(
            row=JSONObject(
                id="pk",
                valid_from="valid_from",
                off_below_kw="off_below_kw",
                on_from_kw="on_from_kw",
                reference_kw="reference_kw",
                source="source",
                reason="reason",
                recorded_by=F("recorded_by__full_name"),
                approved_by=F("approved_by__full_name"),
                approved_at="approved_at",
            )
        )
    )
    return list(
        Facility.objects.within(scope)
        .filter(site__enterprise=enterprise)
        .annotate(threshold_rows=ArraySubquery(thresholds))
        .order_by("position", "pk")
    )


def _get_pairings(enterprise: Enterprise, scope: Scope) -> list[Pairing]:
    def side(through: Any) -> ArraySubquery:
        rows = through.objects.filter(pairing=OuterRef("pk"))
        return ArraySubquery(rows.order_by("facility_id").values("facility_id"))

    return list(
        Pairing.objects.within(scope)
        .filter(site__enterprise=enterprise)
        .select_related("approved_by", "recorded_by")
        .annotate(
            production_ids=side(Pairing.productions.through),
            control_ids=side(Pairing.controls.through),
        )
        .order_by("stage", "-valid_from", "pk")
    )


def _get_collectors(enterprise: Enterprise, scope: Scope) -> list[Collector]:
    meters = Meter.objects.filter(point=OuterRef("pk")).order_by("valid_from")
    shown = {
        name: name
        for name in (
            "valid_from",
            "valid_to",
            "serial",
            "model",
            "accuracy_class",
            "ct_ratio",
            "pt_ratio",
            "ct_class",
            "certificate_number",
            "certified_on",
            "certificate_expires_on",
            "wiring_checked_on",
            "seal_numbers",
            "reason",
        )
    }
    points = (
        MonitoringPoint.objects.filter(collector=OuterRef("pk"))
        .order_by("circuit", "pk")
        .values(
            row=JSONObject(
                id="pk",
                circuit="circuit",
                facility_id="facility_id",
                is_accepted="is_accepted",
                retired_at="retired_at",
                meters=ArraySubquery(
                    meters.values(
                        row=JSONObject(
                            id="pk",
                            work_order=F("work_order__number"),
                            recorded_by=F("recorded_by__full_name"),
                            **shown,
                        )
                    )
                ),
            )
        )
    )
    devices = CollectorDevice.objects.filter(collector=OuterRef("pk")).order_by("valid_from")
    return list(
        Collector.objects.within(scope)
        .filter(enterprise=enterprise)
        .select_related("status", "profile")
        .annotate(
            point_rows=ArraySubquery(points),
            device_rows=ArraySubquery(
                devices.values(
                    row=JSONObject(
                        id="pk",
                        vendor="vendor",
                        model="model",
                        serial="serial",
                        valid_from="valid_from",
                        valid_to="valid_to",
                        reason="reason",
                    )
                )
            ),
        )
        .order_by("mn")
    )


# --- files ---


def hang_files(file: File, attachments: Iterable[Attachment]) -> list[Attachment]:
    """Hang the files of meters, points and collectors beside them; return the others in order.

    A file of a device that the page does not show stays among the others.
    """
    attachments = list(attachments)
    waiting: dict[tuple[str, int | None], list[Attachment]] = defaultdict(list)
    for row in attachments:
        waiting[row.subject_type, row.subject_id].append(row)
    for site in file.sites:
        for collector in site.collectors:
            collector.files = waiting.pop(("collector", collector.collector.pk), [])
        for line in site.lines:
            for point in (point for facility in line.facilities for point in facility.points):
                point.files = waiting.pop(("point", point.id), [])
                if meter := point.meters.current:
                    point.files = [*waiting.pop(("meter", meter["id"]), []), *point.files]
                for meter in (*point.meters.planned, *point.meters.before):
                    meter["files"] = waiting.pop(("meter", meter["id"]), [])
    return [row for row in attachments if (row.subject_type, row.subject_id) in waiting]


# --- making ---


MOMENTS = ("valid_from", "valid_to", "approved_at", "retired_at")
DAYS = ("certified_on", "certificate_expires_on", "wiring_checked_on")


def _read(rows: Sequence[dict[str, Any]]) -> list[Record]:
    """Return the rows with their texts read as moments and days."""
    sources = dict(ThresholdSource.choices)
    out = []
    for row in rows:
        record = Record(row)
        for name in MOMENTS:
            if record.get(name):
                record[name] = datetime.fromisoformat(record[name])
        for name in DAYS:
            if record.get(name):
                record[name] = date.fromisoformat(record[name])
        if "source" in record:
            record["source_label"] = sources.get(record["source"], record["source"])
        out.append(record)
    return out


def _make_collector(collector: Collector, *, at: datetime, now: datetime) -> CollectorFile:
    status = getattr(collector, "status", None)
    latest = status.latest_received_at if status else None
    points = []
    for row in _read(collector.point_rows):  # type: ignore[attr-defined]
        meters = part(_read(row["meters"]), at)
        retired_at = row["retired_at"]
        points.append(
            PointFile(
                id=row["id"],
                circuit=row["circuit"],
                facility_id=row["facility_id"],
                is_accepted=row["is_accepted"],
                # On an earlier day a point that was retired since still stood.
                retired_at=retired_at if retired_at and retired_at <= at else None,
                collector=collector,
                meters=meters,
                certificate=_certificate(meters.current, to_local(at).date()),
            )
        )
    return CollectorFile(
        collector=collector,
        devices=part(_read(collector.device_rows), at),  # type: ignore[attr-defined]
        points=points,
        latest_at=latest,
        is_online=latest is not None and now - latest <= stale_after(collector.expected_interval_s),
    )


def _certificate(meter: Record | None, day: date) -> str:
    expires = meter.get("certificate_expires_on") if meter else None
    if expires is None:
        return ""
    if expires < day:
        return "expired"
    return "soon" if expires <= day + CERTIFICATE_SOON else ""


def _make_pairing(row: Pairing, names: dict[int, Facility], at: datetime) -> PairingFile:
    return PairingFile(
        pairing=row,
        productions=[names[id_] for id_ in row.production_ids if id_ in names],  # type: ignore[attr-defined]
        controls=[names[id_] for id_ in row.control_ids if id_ in names],  # type: ignore[attr-defined]
        is_approved=row.approved_at is not None and row.approved_at <= at,
    )


def _make_site(
    site: Site,
    facilities: list[FacilityFile],
    pairings: list[PairingFile],
    collectors: list[CollectorFile],
    at: datetime,
) -> SiteFile:
    def stands(row: FacilityFile) -> bool:
        return row.facility.retired_at is None or row.facility.retired_at > at

    lines = [
        LineFile(
            row["id"],
            row["name"],
            part(_read(row["grades"]), at),
            [f for f in facilities if f.facility.line_id == row["id"] and stands(f)],
        )
        for row in site.line_rows  # type: ignore[attr-defined]
    ]
    loose = [f for f in facilities if f.facility.line_id is None and stands(f)]
    if loose:
        lines.append(LineFile(None, _("On no line"), Parted(), loose))
    return SiteFile(
        site=site,
        lines=lines,
        pairings=[
            row
            for row in pairings
            if row.pairing.valid_from <= at
            and (row.pairing.valid_to is None or row.pairing.valid_to > at)
        ],
        planned_pairings=[row for row in pairings if row.pairing.valid_from > at],
        pairings_before=[
            row for row in pairings if row.pairing.valid_to and row.pairing.valid_to <= at
        ],
        collectors=collectors,
        retired=[f for f in facilities if not stands(f)],
    )


def _waiting(sites: Sequence[SiteFile]) -> list[Waiting]:
    """Return what is in force or planned and bears no approval, in the page's order."""
    out = []
    for site in sites:
        for pairing in (*site.pairings, *site.planned_pairings):
            if not pairing.is_approved:
                by = pairing.pairing.recorded_by
                out.append(
                    Waiting(
                        "pairing", pairing.pairing.pk, pairing.pairing.stage, str(by) if by else ""
                    )
                )
        for line in site.lines:
            for facility in line.facilities:
                rows = [facility.thresholds.current, *facility.thresholds.planned]
                out += [
                    Waiting(
                        "threshold", row["id"], facility.facility.name, row["recorded_by"] or ""
                    )
                    for row in rows
                    if row is not None and not row.is_approved
                ]
    return out
