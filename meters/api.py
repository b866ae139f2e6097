"""REST resources of the devices, their readings and operating states."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as say
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.fields import (
    DayField,
    IdField,
    InstantField,
    NumberField,
    StrictSerializer,
    TextField,
)
from common.api.filters import FlagFilter, IdFilter, InstantFilter, TextFilter
from common.api.paging import ReadingPagination
from enterprises.models import Enterprise, Facility
from meters import operations
from meters.models import (
    Collector,
    Meter,
    MonitoringPoint,
    OperatingState,
    Reading,
    StateSegment,
    WorkOrder,
    WorkOrderKind,
    WorkOrderStatus,
)
from tenancy.access import Permission, require
from tenancy.viewsets import NestedViewSet, ScopedViewSet

SCOPE = "read:devices"
LONGEST = timedelta(days=31)


class CollectorSerializer(serializers.ModelSerializer):
    """Without its password: that is between the collector and the gateway."""

    enterprise = serializers.IntegerField(source="enterprise_id")
    site = serializers.IntegerField(source="site_id")
    latest_received_at = serializers.DateTimeField(
        source="status.latest_received_at", allow_null=True, default=None
    )
    latest_measured_at = serializers.DateTimeField(
        source="status.latest_measured_at", allow_null=True, default=None
    )

    class Meta:
        model = Collector
        fields = [
            "id",
            "mn",
            "enterprise",
            "site",
            "expected_interval_s",
            "is_enabled",
            "latest_received_at",
            "latest_measured_at",
        ]
        read_only_fields = fields


class CollectorFilters(FilterSet):
    enterprise = IdFilter(field_name="enterprise_id")
    site = IdFilter(field_name="site_id")
    mn = TextFilter()
    is_enabled = FlagFilter()

    class Meta:
        model = Collector
        fields: list[str] = []


class CollectorViewSet(ScopedViewSet):
    model = Collector
    tag = "devices"
    scope = SCOPE
    look = "devices"
    serializer_class = CollectorSerializer
    filterset_class = CollectorFilters
    words = {
        "list": (_("List collectors"), ""),
        "retrieve": (_("Read a collector"), _("With its last sign of life.")),
    }
    examples = {
        "retrieve": {
            "id": 3,
            "mn": "A110000_0001",
            "enterprise": 12,
            "site": 15,
            "expected_interval_s": 60,
            "is_enabled": True,
            "latest_received_at": "2026-11-23T02:13:04+08:00",
            "latest_measured_at": "2026-11-23T02:13:00+08:00",
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("enterprise", "status")


class PointSerializer(serializers.ModelSerializer):
    collector = serializers.IntegerField(source="collector_id")
    facility = serializers.IntegerField(source="facility_id")

    class Meta:
        model = MonitoringPoint
        fields = ["id", "collector", "circuit", "facility", "is_accepted", "retired_at"]
        read_only_fields = fields


class PointFilters(FilterSet):
    enterprise = IdFilter(field_name="collector__enterprise_id")
    collector = IdFilter(field_name="collector_id")
    facility = IdFilter(field_name="facility_id")

    class Meta:
        model = MonitoringPoint
        fields: list[str] = []


class PointViewSet(ScopedViewSet):
    model = MonitoringPoint
    tag = "devices"
    scope = SCOPE
    look = "devices"
    serializer_class = PointSerializer
    filterset_class = PointFilters
    words = {
        "list": (_("List monitoring points"), _("Metered circuits, retired ones too.")),
        "retrieve": (_("Read a monitoring point"), ""),
    }
    examples = {
        "retrieve": {
            "id": 9,
            "collector": 3,
            "circuit": "01",
            "facility": 31,
            "is_accepted": True,
            "retired_at": None,
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("collector__enterprise")

    def get_enterprise(self, instance: MonitoringPoint) -> Enterprise:
        return instance.collector.enterprise


class MeterSerializer(serializers.ModelSerializer):
    point = serializers.IntegerField(source="point_id")
    work_order = serializers.IntegerField(source="work_order_id", allow_null=True)

    class Meta:
        model = Meter
        fields = [
            "id",
            "point",
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
            "valid_from",
            "valid_to",
            "reason",
            "work_order",
        ]
        read_only_fields = fields


class NewMeterSerializer(StrictSerializer):
    """What is not given is taken over from the record before if the serial number is the same."""

    point = IdField()
    serial = TextField(max_length=40)
    model = TextField(max_length=60, allow_blank=True, required=False)
    accuracy_class = TextField(max_length=10, allow_blank=True, required=False)
    ct_ratio = NumberField(min_value=0, max_value=1_000_000, required=False)
    pt_ratio = NumberField(min_value=0, max_value=1_000_000, required=False)
    ct_class = TextField(max_length=10, allow_blank=True, required=False)
    certificate_number = TextField(max_length=60, allow_blank=True, required=False)
    certified_on = DayField(allow_null=True, required=False)
    certificate_expires_on = DayField(allow_null=True, required=False)
    wiring_checked_on = DayField(allow_null=True, required=False)
    seal_numbers = TextField(max_length=120, allow_blank=True, required=False)
    valid_from = InstantField()
    reason = TextField(
        max_length=200,
        allow_blank=True,
        required=False,
        help_text=_("Owed where `valid_from` lies in the past or another record ends by it."),
    )
    work_order = IdField(allow_null=True, required=False)


class MeterFilters(FilterSet):
    enterprise = IdFilter(field_name="point__collector__enterprise_id")
    point = IdFilter(field_name="point_id")
    at = InstantFilter(method="in_force", help_text=_("Those in force at this instant."))

    class Meta:
        model = Meter
        fields: list[str] = []

    def in_force(self, rows: Any, name: str, at: Any) -> QuerySet[Any]:
        return rows.in_force(at)


class MeterViewSet(ScopedViewSet):
    model = Meter
    tag = "devices"
    scope = SCOPE
    look = "devices"
    serializer_class = MeterSerializer
    filterset_class = MeterFilters
    scopes = {"create": "write:devices"}
    inputs = {"create": NewMeterSerializer}
    follows_by = ("create",)
    words = {
        "list": (_("List meters"), _("Dated records; with `at` those in force at an instant.")),
        "retrieve": (_("Read a meter record"), ""),
        "create": (
            _("Record a meter, ratio, certificate or seal"),
            _("It ends the point's record in force, which is what `If-Match` names."),
        ),
    }
    examples = {
        "retrieve": {
            "id": 81,
            "point": 9,
            "serial": "DB20260018",
            "model": "DTSD",
            "accuracy_class": "0.5S",
            "ct_ratio": 80.0,
            "pt_ratio": 1.0,
            "ct_class": "0.5",
            "certificate_number": "",
            "certified_on": "2026-01-08",
            "certificate_expires_on": "2032-01-07",
            "wiring_checked_on": None,
            "seal_numbers": "0018, 0019",
            "valid_from": "2026-01-10T10:00:00+08:00",
            "valid_to": None,
            "reason": "",
            "work_order": None,
        },
        "create:request": {
            "point": 9,
            "serial": "DB20260019",
            "ct_ratio": 80.0,
            "valid_from": "2026-11-24T10:00:00+08:00",
            "reason": "原表到期更换",
        },
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("point__collector__enterprise")

    def get_enterprise(self, instance: Meter) -> Enterprise:
        return instance.point.collector.enterprise

    @extend_schema(request=NewMeterSerializer, responses={201: MeterSerializer})
    def create(self, request: Request) -> Response:
        fields = self.get_body(request)
        points = MonitoringPoint.objects.visible_to(self.actor)
        point = get_object_or_404(
            points.select_related("collector__site__enterprise__county"), pk=fields.pop("point")
        )
        require(self.actor, Permission.EDIT_DEVICES, site=point.collector.site)
        if fields.get("work_order") is not None:
            orders = WorkOrder.objects.visible_to(self.actor).exclude(
                status=WorkOrderStatus.CANCELLED
            )
            order = orders.filter(pk=fields["work_order"]).first()
            if order is None:
                words = say("One of them does not exist, or you may not see it.")
                raise serializers.ValidationError({"work_order": [words]})
            fields["work_order"] = order
        return self.add_under(
            request,
            point,
            lambda: operations.replace_meter(point, actor=self.actor, now=timezone.now(), **fields),
            follows=lambda: point.meters.order_by("valid_from").last(),
        )


class SpanFilters(FilterSet):
    """``since`` and ``until``, both required, at most 31 days apart; half open."""

    since = InstantFilter(required=True, method="keep", help_text=_("From this instant."))
    until = InstantFilter(
        required=True, method="keep", help_text=_("Before this instant; at most 31 days later.")
    )

    def keep(self, rows: QuerySet[Any], name: str, instant: Any) -> QuerySet[Any]:
        """Leave the rows: ``filter_span`` takes both at once."""
        return rows

    def is_valid(self) -> bool:
        if not super().is_valid():
            return False
        since, until = self.form.cleaned_data["since"], self.form.cleaned_data["until"]
        if not since < until <= since + LONGEST:
            self.form.add_error("until", _("After `since`, at most 31 days later."))
        return not self.form.errors


class ReadingFilters(SpanFilters):
    class Meta:
        model = Reading
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        span = self.form.cleaned_data
        return queryset.filter(measured_at__gte=span["since"], measured_at__lt=span["until"])


class ReadingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Reading
        fields = [
            "measured_at",
            "received_at",
            "p_kw",
            "ua",
            "ub",
            "uc",
            "ia",
            "ib",
            "ic",
            "pf",
            "energy_kwh",
            "flag",
            "is_backfill",
        ]
        read_only_fields = fields


class ReadingViewSet(NestedViewSet):
    model = Reading
    parent_model = MonitoringPoint
    tag = "readings"
    scope = "read:readings"
    look = "readings"
    order = ("measured_at",)
    serializer_class = ReadingSerializer
    filterset_class = ReadingFilters
    pagination_class = ReadingPagination
    words = {
        "list": (
            _("Readings of a point"),
            _("In order of time. A value that is not known is null, never 0."),
        )
    }
    examples = {
        "list": {
            "measured_at": "2026-11-23T02:13:00+08:00",
            "received_at": "2026-11-23T02:13:04+08:00",
            "p_kw": 812.4,
            "ua": 228.1,
            "ub": 227.9,
            "uc": 228.4,
            "ia": 1201.0,
            "ib": 1199.0,
            "ic": 1203.0,
            "pf": 0.97,
            "energy_kwh": "182733.4000",
            "flag": "N",
            "is_backfill": False,
        }
    }

    def get_rows(self, parent: MonitoringPoint) -> QuerySet[Any]:
        return Reading.objects.filter(point=parent)

    def get_enterprise(self, parent: MonitoringPoint) -> Enterprise:
        return parent.collector.enterprise


class SegmentFilters(SpanFilters):
    state = ChoiceFilter(choices=OperatingState.choices)

    class Meta:
        model = StateSegment
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        span = self.form.cleaned_data
        rows = queryset.filter(ended_at__gt=span["since"], started_at__lt=span["until"])
        return rows.filter(state=span["state"]) if span["state"] else rows


class SegmentSerializer(serializers.ModelSerializer):
    point = serializers.IntegerField(source="point_id")

    class Meta:
        model = StateSegment
        fields = [
            "id",
            "point",
            "state",
            "started_at",
            "ended_at",
            "mean_kw",
            "max_kw",
            "reading_count",
            "backfill_count",
        ]
        read_only_fields = fields


class SegmentViewSet(NestedViewSet):
    model = StateSegment
    parent_model = Facility
    tag = "readings"
    scope = "read:readings"
    look = "readings"
    order = ("started_at", "pk")
    serializer_class = SegmentSerializer
    filterset_class = SegmentFilters
    words = {
        "list": (
            _("Operating states of a facility"),
            _("Stretches of each of its points that touch the span, whole, in order of time."),
        )
    }
    examples = {
        "list": {
            "id": 5012,
            "point": 9,
            "state": "ON",
            "started_at": "2026-11-22T22:04:00+08:00",
            "ended_at": "2026-11-23T02:13:00+08:00",
            "mean_kw": 790.2,
            "max_kw": 931.0,
            "reading_count": 249,
            "backfill_count": 0,
        }
    }

    def get_rows(self, parent: Facility) -> QuerySet[Any]:
        points = MonitoringPoint.objects.visible_to(self.actor).filter(facility=parent)
        return StateSegment.objects.filter(point__in=points)

    def get_enterprise(self, parent: Facility) -> Enterprise:
        return parent.site.enterprise


class WorkOrderSerializer(serializers.ModelSerializer):
    site = serializers.IntegerField(source="site_id")
    collector = serializers.IntegerField(source="collector_id", allow_null=True)
    point = serializers.IntegerField(source="point_id", allow_null=True)
    company = serializers.CharField(source="company.name", allow_null=True, default=None)

    class Meta:
        model = WorkOrder
        fields = [
            "id",
            "number",
            "kind",
            "status",
            "site",
            "collector",
            "point",
            "company",
            "text",
            "opened_at",
            "due_at",
        ]
        read_only_fields = fields


class WorkOrderFilters(FilterSet):
    enterprise = IdFilter(field_name="site__enterprise_id")
    site = IdFilter(field_name="site_id")
    kind = ChoiceFilter(choices=WorkOrderKind.choices)
    status = ChoiceFilter(choices=WorkOrderStatus.choices)

    class Meta:
        model = WorkOrder
        fields: list[str] = []


class WorkOrderViewSet(ScopedViewSet):
    model = WorkOrder
    tag = "devices"
    scope = SCOPE
    look = "devices"
    serializer_class = WorkOrderSerializer
    filterset_class = WorkOrderFilters
    words = {
        "list": (_("List work orders"), ""),
        "retrieve": (_("Read a work order"), ""),
    }
    examples = {
        "retrieve": {
            "id": 6,
            "number": "GD-20261123-0001",
            "kind": "FAULT",
            "status": "OPEN",
            "site": 15,
            "collector": 3,
            "point": None,
            "company": "示例运维有限公司",
            "text": "数采仪离线,请到现场检查。",
            "opened_at": "2026-11-23T08:30:00+08:00",
            "due_at": "2026-11-24T08:30:00+08:00",
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("site__enterprise", "company")

    def get_enterprise(self, instance: WorkOrder) -> Enterprise:
        return instance.site.enterprise
