"""What a filled-in book would do to collectors, points and meters."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from enterprises.importing.forms import Record
from enterprises.importing.nodes import (
    BATCH,
    Context,
    EnterpriseNode,
    FacilityNode,
    Node,
    Progress,
    SiteNode,
    count_unsaved,
    create_all,
    save_nodes,
    update_all,
)
from enterprises.importing.plan import FilePlan
from enterprises.models import InstallationStatus
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint, Profile

DEVICE_NAMES = ("vendor", "model", "serial")
METER_NAMES = (
    "serial", "model", "accuracy_class", "ct_ratio", "pt_ratio", "ct_class", "certificate_number",
    "certified_on", "certificate_expires_on", "wiring_checked_on", "seal_numbers",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class PointNode(Node):
    facility: FacilityNode | None = None
    meters: list[Meter] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class CollectorNode(Node):
    enterprise: EnterpriseNode | None = None
    site: SiteNode | None = None
    devices: list[CollectorDevice] = field(default_factory=list)
    points: dict[str, PointNode] = field(default_factory=dict)
    is_doubtful: bool = False


def get_references(context: Context, records: dict[str, list[Record]]) -> set[str]:
    """Return the codes of the enterprises that the device sheets name, also through an MN."""
    named = {r.values["enterprise"] for r in records["collectors"] if r.get("enterprise")}
    mns = {r.values["mn"] for r in records["points"] if r.get("mn")}
    visible = Collector.objects.visible_to(context.actor).filter(mn__in=mns)
    return named | set(visible.values_list("enterprise__code", flat=True).distinct())


class DevicePlan:
    """The device sheets, resolved against a ``FilePlan`` that was resolved before."""

    def __init__(
        self, context: Context, records: dict[str, list[Record]], file_plan: FilePlan
    ) -> None:
        self.context = context
        self.report = context.report
        self.records = records
        self.file_plan = file_plan
        self.collectors: dict[str, CollectorNode] = {}
        self._devices: list[CollectorDevice] = []
        self._ended: dict[type[Any], list[Any]] = {CollectorDevice: [], Meter: []}
        self._meters: list[Meter] = []

    # --- resolving ---

    def resolve(self, progress: Progress = lambda rows: None) -> None:
        """Compare every row with what stands. Six queries."""
        self._load()
        for record in self.records["collectors"]:
            self._take_collector(record)
        progress(len(self.records["collectors"]))
        for count, record in enumerate(self.records["points"], start=1):
            self._take_point(record)
            if count % BATCH == 0:
                progress(BATCH)

    def _load(self) -> None:
        mns = {
            record.values["mn"]
            for key in ("collectors", "points")
            for record in self.records[key]
            if record.get("mn")
        }
        plan = self.file_plan
        visible = Collector.objects.visible_to(self.context.actor).filter(mn__in=mns)
        by_pk: dict[int, CollectorNode] = {}
        for collector in visible.order_by("pk"):
            node = by_pk[collector.pk] = self.collectors[collector.mn] = CollectorNode(collector)
            node.enterprise = plan.enterprises_by_pk.get(collector.enterprise_id)
            node.site = plan.sites_by_pk.get(collector.site_id)
        ids = list(by_pk)
        for device in CollectorDevice.objects.filter(collector__in=ids).order_by("pk"):
            by_pk[device.collector_id].devices.append(device)
        points: dict[int, PointNode] = {}
        for point in MonitoringPoint.objects.in_use().filter(collector__in=ids).order_by("pk"):
            node_of_point = PointNode(point)
            node_of_point.facility = plan.facilities_by_pk.get(point.facility_id)
            points[point.pk] = by_pk[point.collector_id].points[point.circuit] = node_of_point
        meters = Meter.objects.filter(point__collector__in=ids, point__retired_at__isnull=True)
        for meter in meters.order_by("pk"):
            points[meter.point_id].meters.append(meter)
        self._profiles = {
            word: profile
            for profile in Profile.objects.filter(is_enabled=True).order_by("pk")
            for word in (profile.name, profile.title)
        }

    def _take_collector(self, record: Record) -> None:
        mn = record.get("mn")
        enterprise = self.file_plan.find_enterprise(record)
        if not mn:
            return
        site = self.file_plan.find_site(record, enterprise) if enterprise else None
        node = self.collectors.get(mn)
        if node is not None and node.first_row is not None:
            text = _("This MN stands in row %(row)s already; an MN belongs to one collector.")
            self.report.add(record, "mn", text % {"row": node.first_row})
            return
        elsewhere = _("This MN is registered already, for another enterprise.")
        if node is None:
            if mn in self.context.taken.mns:
                self.report.add(record, "mn", elsewhere)
            new = Collector(mn=mn)
            if enterprise is not None:
                new.enterprise = enterprise.instance
            if site is not None:
                new.site = site.instance
            node = self.collectors[mn] = CollectorNode(
                new, is_new=True, enterprise=enterprise, site=site
            )
        elif enterprise is not None and node.enterprise is not enterprise:
            self.report.add(record, "mn", elsewhere)
        elif record.get("site") and site is not None and node.site is not site:
            text = _("The collector stands on another site on file; a move needs a new record.")
            self.report.add(record, "site", text)
        node.first_row = record.number
        values = record.given("expected_interval_s", "password")
        if record.get("profile"):
            profile = self._profiles.get(record.values["profile"])
            if profile is None:
                names = "、".join(sorted(one.name for one in set(self._profiles.values())))
                text = _("There is no such profile; there are: %(names)s.")
                self.report.add(record, "profile", text % {"names": names})
            else:
                values["profile_id"] = profile.pk
        node.put(values)
        self._take_device(record, node)
        node.is_doubtful = record.is_faulty
        if not record.is_faulty:
            self.context.count(record, node.outcome)

    def _take_device(self, record: Record, node: CollectorNode) -> None:
        given = record.given(*DEVICE_NAMES)
        if not given:
            return
        if "serial" not in given and not node.devices:
            if "serial" not in record.refused:
                self.report.add(record, "serial", _("A device is registered by its serial number."))
            return
        change = self.context.decide(record, node.devices, given, DEVICE_NAMES)
        if change is None:
            return
        if change.ends is not None:
            change.ends.valid_to = change.valid_from
            self._ended[CollectorDevice].append(change.ends)
        self._devices.append(
            CollectorDevice(collector=node.instance, valid_from=change.valid_from, **change.values)
        )
        node.is_touched = True

    def _take_point(self, record: Record) -> None:
        mn, circuit, code = (record.get(key) for key in ("mn", "circuit", "facility"))
        if not (mn and circuit and code):
            return
        collector = self.collectors.get(mn)
        if collector is None:
            text = _("No collector of your area, and none of the sheet 采集设备, has this MN.")
            self.report.add(record, "mn", text)
            return
        if collector.enterprise is None:
            if not collector.is_doubtful:
                text = _("You may not import for this enterprise's county.")
                self.report.add(record, "mn", text)
            return
        if not collector.is_new and collector.first_row is None:
            county = collector.enterprise.instance.county
            if not self.context.covers(county):
                text = _("You may not import for this enterprise's county.")
                self.report.add(record, "mn", text)
                return
        facility = self.file_plan.find_facility(
            record, collector.enterprise, "facility", code, collector.site
        )
        point = collector.points.get(circuit)
        if point is not None and point.first_row is not None:
            text = _("Circuit %(circuit)s of this MN stands in row %(row)s already.")
            self.report.add(record, "circuit", text % {"circuit": circuit, "row": point.first_row})
            return
        if point is None:
            new = MonitoringPoint(
                collector=collector.instance,
                circuit=circuit,
                # What comes before the acceptance counts as accepted by it, not by a file.
                is_accepted=collector.enterprise is not None
                and collector.enterprise.instance.installation_status
                == InstallationStatus.ACCEPTED,
            )
            point = PointNode(new, is_new=True, facility=facility)
            if facility is not None:
                new.facility = facility.instance
            collector.points[circuit] = point
        elif facility is not None and point.facility is not facility:
            text = _(
                "This circuit measures %(facility)s on file. A point is never moved: retire it "
                "first, then import it for the other facility."
            )
            name = point.facility.instance.name if point.facility else ""
            self.report.add(record, "facility", text % {"facility": name})
        point.first_row = record.number
        self._take_meter(record, point)
        if not record.is_faulty:
            self.context.count(record, point.outcome)

    def _take_meter(self, record: Record, point: PointNode) -> None:
        given = record.given(*METER_NAMES)
        if not given:
            return
        if "serial" not in given and not point.meters:
            if "serial" not in record.refused:
                self.report.add(record, "serial", _("A meter is registered by its serial number."))
            return
        verified, expires = given.get("certified_on"), given.get("certificate_expires_on")
        if verified and expires and expires <= verified:
            text = _("The certificate would expire before the day of verification.")
            self.report.add(record, "certificate_expires_on", text)
        change = self.context.decide(record, point.meters, given, METER_NAMES)
        if change is None:
            return
        if change.ends is not None:
            change.ends.valid_to = change.valid_from
            self._ended[Meter].append(change.ends)
        self._meters.append(
            Meter(
                point=point.instance,
                valid_from=change.valid_from,
                recorded_by=self.context.actor,
                reason=record.get("reason", "导入" if point.meters else ""),
                **change.values,
            )
        )
        point.is_touched = True

    # --- writing ---

    def count_rows(self) -> int:
        """Return how many rows of tables ``write`` will write."""
        nodes = (self.collectors.values(), self._points())
        dated = (*self._ended.values(), self._devices, self._meters)
        return sum(map(count_unsaved, nodes)) + sum(map(len, dated))

    def _points(self) -> list[PointNode]:
        return [point for node in self.collectors.values() for point in node.points.values()]

    def write(self, progress: Progress = lambda rows: None) -> None:
        """Write what is new and changed, in the caller's transaction, after the file plan."""
        save_nodes(Collector, self.collectors.values(), progress)
        save_nodes(MonitoringPoint, self._points(), progress)
        for model, ended in self._ended.items():
            update_all(model, ended, ["valid_to"], progress)
        create_all(CollectorDevice, self._devices, progress)
        create_all(Meter, self._meters, progress)
