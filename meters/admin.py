"""Facilities and how they are judged, devices, work orders and limits, in the administration.

Dated records (meter, device, threshold, pairing) are added by ``meters.operations``, which end the
record before, and never changed. What came in oddly is read only.
"""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from enterprises.models import Enterprise, Facility, Pairing, Threshold
from enterprises.operations import FACILITY_FIELDS, create_facility
from meters import operations
from meters.limits import CATALOGUE
from meters.models import (
    Collector,
    CollectorDevice,
    IntakeIssue,
    Meter,
    MeteringLimit,
    MonitoringPoint,
    Profile,
    ReadingConflict,
    WorkOrder,
    WorkOrderLog,
)
from meters.profiles import ProfileError, compile_profile
from tenancy.access import Permission
from tenancy.models import User
from tenancy.scoped_admin import (
    AddOnly,
    AdministeredBy,
    ByOperations,
    ParameterAdmin,
    ParameterForm,
    ReadOnly,
    ScopedAdmin,
    ScopedInline,
)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)  # the admin lets nobody else in


class ProfileForm(forms.ModelForm):
    """Refuses a specification that the gateway could not use, and says which key is wrong."""

    class Meta:
        model = Profile
        fields = ("name", "title", "spec", "is_enabled")

    def clean_spec(self) -> Any:
        spec = self.cleaned_data["spec"]
        try:
            compile_profile(spec)
        except ProfileError as error:
            raise ValidationError(
                _("The specification cannot be used: %(problem)s"), params={"problem": str(error)}
            ) from error
        return spec


@admin.register(Profile)
class ProfileAdmin(AdministeredBy, admin.ModelAdmin):
    permission = Permission.ADMINISTER_SYSTEM
    form = ProfileForm
    list_display = ("title", "name", "is_enabled")
    list_filter = ("is_enabled",)
    search_fields = ("title", "name")
    ordering = ("name",)


class ThresholdInline(ReadOnly, ScopedInline):
    """Alerts were judged by it: a threshold is followed by another, never changed."""

    model = Threshold
    ordering = ("-valid_from",)


@admin.register(Facility)
class FacilityAdmin(ByOperations, ScopedAdmin):
    add_fields = ("site", *FACILITY_FIELDS)
    change_fields = FACILITY_FIELDS
    enterprise = "site__enterprise"
    list_display = (
        "name",
        "code",
        "kind",
        "load_class",
        "rated_kw",
        "line",
        "site",
        "enterprise_name",
    )
    list_filter = ("kind", "load_class", "is_safety_critical")
    list_select_related = ("line", "site__enterprise")
    search_fields = ("name", "code", "site__enterprise__name")
    autocomplete_fields = ("site", "line")
    ordering = ("site__enterprise__code", "position", "pk")
    list_per_page = 50
    inlines = (ThresholdInline,)

    @admin.display(description=Enterprise._meta.verbose_name, ordering="site__enterprise__code")
    def enterprise_name(self, facility: Facility) -> str:
        return facility.site.enterprise.name

    def create(self, values: dict[str, Any], **by: Any) -> Facility:
        return create_facility(values.pop("site"), **values, **by)

    def change(self, row: Facility, values: dict[str, Any], **by: Any) -> Facility:
        return operations.update_facility(row, **values, **by)


@admin.register(Pairing)
class PairingAdmin(ByOperations, AddOnly, ScopedAdmin):
    """A pairing is ended and followed on the file's page; alerts that it gave rise to quote it."""

    add_fields = (
        "site",
        "stage",
        "productions",
        "controls",
        "mode",
        "at_least",
        "lead_s",
        "lag_s",
        "min_ratio",
        "valid_from",
        "reason",
    )
    enterprise = "site__enterprise"
    list_display = (
        "stage",
        "site",
        "enterprise_name",
        "mode",
        "at_least",
        "valid_from",
        "valid_to",
    )
    list_filter = ("mode", "stage")
    list_select_related = ("site__enterprise",)
    search_fields = ("stage", "site__enterprise__name", "productions__name", "controls__name")
    autocomplete_fields = ("site", "productions", "controls")
    ordering = ("site__enterprise__code", "pk")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name, ordering="site__enterprise__code")
    def enterprise_name(self, pairing: Pairing) -> str:
        return pairing.site.enterprise.name

    def create(self, values: dict[str, Any], **by: Any) -> Pairing:
        return operations.set_pairing(values.pop("site"), **values, **by)


@admin.register(Threshold)
class ThresholdAdmin(ByOperations, AddOnly, ScopedAdmin):
    add_fields = (
        "facility",
        "off_below_kw",
        "on_from_kw",
        "reference_kw",
        "source",
        "valid_from",
        "reason",
    )
    enterprise = "facility__site__enterprise"
    list_display = (
        "facility",
        "enterprise_name",
        "off_below_kw",
        "on_from_kw",
        "reference_kw",
        "valid_from",
        "source",
    )
    list_filter = ("source",)
    list_select_related = ("facility__site__enterprise",)
    search_fields = ("facility__name", "facility__code", "facility__site__enterprise__name")
    autocomplete_fields = ("facility",)
    ordering = ("facility__site__enterprise__code", "facility", "-valid_from")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name)
    def enterprise_name(self, threshold: Threshold) -> str:
        return threshold.facility.site.enterprise.name

    def create(self, values: dict[str, Any], **by: Any) -> Threshold:
        return operations.set_threshold(values.pop("facility"), **values, **by)


class PointInline(ReadOnly, ScopedInline):
    model = MonitoringPoint
    show_change_link = True


class DeviceInline(ReadOnly, ScopedInline):
    model = CollectorDevice
    ordering = ("-valid_from",)


@admin.register(Collector)
class CollectorAdmin(ByOperations, ScopedAdmin):
    add_fields = ("site", "mn", *operations.COLLECTOR_FIELDS)
    change_fields = (*operations.COLLECTOR_FIELDS, "is_enabled")
    enterprise = "enterprise"
    list_display = ("mn", "enterprise", "site", "profile", "expected_interval_s", "is_enabled")
    list_filter = ("is_enabled", "profile")
    list_select_related = ("enterprise", "site", "profile")
    search_fields = ("mn", "enterprise__name", "enterprise__code")
    autocomplete_fields = ("site",)
    ordering = ("mn",)
    list_per_page = 50
    inlines = (DeviceInline, PointInline)

    def create(self, values: dict[str, Any], **by: Any) -> Collector:
        return operations.add_collector(values.pop("site"), **values, **by)

    def change(self, row: Collector, values: dict[str, Any], **by: Any) -> Collector:
        is_enabled = values.pop("is_enabled")
        changed = operations.update_collector(row, **values, **by)
        if changed.is_enabled == is_enabled:
            return changed
        return operations.set_collector_enabled(changed, is_enabled=is_enabled, **by)


class MeterInline(ReadOnly, ScopedInline):
    """Yesterday's evidence keeps yesterday's ratio: a change is another row."""

    model = Meter
    fields = ("serial", "ct_ratio", "pt_ratio", "valid_from", "valid_to", "reason")
    show_change_link = True
    ordering = ("-valid_from",)


@admin.register(MonitoringPoint)
class MonitoringPointAdmin(ByOperations, AddOnly, ScopedAdmin):
    """A point never moves to another facility: it is retired on the file's page and followed."""

    add_fields = ("collector", "circuit", "facility")
    enterprise = "collector__enterprise"
    list_display = ("circuit", "collector", "facility", "is_accepted")
    list_filter = ("is_accepted",)
    list_select_related = ("collector", "facility")
    list_per_page = 50
    search_fields = ("circuit", "collector__mn", "facility__name")
    autocomplete_fields = ("collector", "facility")
    ordering = ("collector__mn", "circuit")
    inlines = (MeterInline,)

    def create(self, values: dict[str, Any], **by: Any) -> MonitoringPoint:
        return operations.add_point(values.pop("collector"), **values, **by)


@admin.register(Meter)
class MeterAdmin(ByOperations, AddOnly, ScopedAdmin):
    add_fields = ("point", *operations.METER_FIELDS, "valid_from", "reason", "work_order")
    enterprise = "point__collector__enterprise"
    list_display = ("serial", "point", "ct_ratio", "pt_ratio", "valid_from", "valid_to")
    list_select_related = ("point__facility",)
    search_fields = ("serial", "point__collector__mn")
    list_filter = (("valid_to", admin.EmptyFieldListFilter), "certificate_expires_on")
    autocomplete_fields = ("point", "work_order")
    ordering = ("serial", "valid_from")
    list_per_page = 50

    def create(self, values: dict[str, Any], **by: Any) -> Meter:
        return operations.replace_meter(values.pop("point"), **values, **by)


@admin.register(CollectorDevice)
class CollectorDeviceAdmin(ByOperations, AddOnly, ScopedAdmin):
    add_fields = ("collector", *operations.DEVICE_FIELDS, "valid_from", "reason")
    enterprise = "collector__enterprise"
    list_display = ("serial", "collector", "vendor", "model", "valid_from", "valid_to")
    list_select_related = ("collector",)
    search_fields = ("serial", "collector__mn", "vendor")
    list_filter = (("valid_to", admin.EmptyFieldListFilter),)
    autocomplete_fields = ("collector",)
    ordering = ("collector__mn", "-valid_from")
    list_per_page = 50

    def create(self, values: dict[str, Any], **by: Any) -> CollectorDevice:
        return operations.replace_device(values.pop("collector"), **values, **by)


@admin.register(WorkOrder)
class WorkOrderAdmin(ReadOnly, ScopedAdmin):
    """Looked at here; opened and moved under the work order pages."""

    enterprise = "site__enterprise"
    list_display = ("number", "kind", "status", "site", "company", "opened_at", "due_at")
    list_filter = ("status", "kind")
    list_select_related = ("site", "company")
    search_fields = ("number", "site__enterprise__name", "company__name")
    ordering = ("-opened_at", "-pk")
    list_per_page = 50


@admin.register(WorkOrderLog)
class WorkOrderLogAdmin(ReadOnly, ScopedAdmin):
    enterprise = "work_order__site__enterprise"
    list_display = ("at", "work_order", "from_status", "to_status", "actor", "body")
    list_filter = ("to_status",)
    list_select_related = ("work_order", "actor")
    search_fields = ("work_order__number",)
    ordering = ("-at", "-pk")
    list_per_page = 50


@admin.register(IntakeIssue)
class IntakeIssueAdmin(ReadOnly, AdministeredBy, admin.ModelAdmin):
    list_display = ("latest_at", "reason", "mn", "code", "peer", "count")
    list_filter = ("reason",)
    search_fields = ("mn", "code", "peer")
    list_per_page = 50
    ordering = ("-latest_at", "-pk")
    fields = ("reason", "mn", "code", "peer", "first_at", "latest_at", "count", "sample_text")
    readonly_fields = fields

    @admin.display(description=_("sample"))
    def sample_text(self, issue: IntakeIssue) -> str:
        """Return the sample, its password masked, with all but printable ASCII escaped."""
        return repr(issue.shown_sample)[2:-1]

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntakeIssue]:
        """Return all for whoever sees all; else what is known to be of a visible collector."""
        issues = super().get_queryset(request)
        if _actor(request).is_superuser:
            return issues
        collectors = Collector.objects.visible_to(_actor(request))
        return issues.filter(mn__in=collectors.values("mn"))


@admin.register(ReadingConflict)
class ReadingConflictAdmin(ReadOnly, ScopedAdmin):
    enterprise = "point__collector__enterprise"
    list_display = ("point", "measured_at", "received_at")
    list_select_related = ("point__facility",)
    search_fields = ("point__collector__mn", "point__circuit")
    list_filter = ("received_at",)
    list_per_page = 50
    ordering = ("-pk",)
    fields = ("point", "measured_at", "received_at", "kept", "refused", "chunk_id")
    readonly_fields = fields


class MeteringLimitForm(ParameterForm):
    """Only keys that acceptance or maintenance reads."""

    catalogue = CATALOGUE

    class Meta:
        model = MeteringLimit
        fields = ("key", "value", "division", "valid_from", "valid_to", "note")


@admin.register(MeteringLimit)
class MeteringLimitAdmin(ParameterAdmin):
    """What the checks of acceptance and the clocks of work orders go by."""

    form = MeteringLimitForm
    list_display = ("key", "value", "division", "valid_from", "valid_to")
    list_filter = ("key",)
    list_select_related = ("division",)
    search_fields = ("key", "note")
    ordering = ("key", "valid_from", "pk")
    list_per_page = 50
