"""The device tables in the admin, and what came in oddly, read only."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from meters.models import (
    Collector,
    CollectorDevice,
    IntakeIssue,
    Meter,
    MonitoringPoint,
    Profile,
    ReadingConflict,
    WorkOrder,
    WorkOrderLog,
)
from meters.profiles import ProfileError, compile_profile
from tenancy.access import Permission
from tenancy.models import User
from tenancy.scoped_admin import AddOnly, AdministeredBy, ReadOnly, ScopedAdmin, ScopedInline


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


class PointInline(ScopedInline):
    model = MonitoringPoint
    raw_id_fields = ("facility",)


class DeviceInline(AddOnly, ScopedInline):
    model = CollectorDevice
    ordering = ("-valid_from",)


@admin.register(Collector)
class CollectorAdmin(ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("mn", "enterprise", "site", "profile", "expected_interval_s", "is_enabled")
    list_filter = ("is_enabled", "profile")
    list_select_related = ("enterprise", "site", "profile")
    search_fields = ("mn", "enterprise__name", "enterprise__code")
    raw_id_fields = ("enterprise", "site")
    ordering = ("mn",)
    list_per_page = 50
    inlines = (DeviceInline, PointInline)


class MeterInline(AddOnly, ScopedInline):
    """Yesterday's evidence keeps yesterday's ratio: a change is another row."""

    model = Meter
    exclude = ("recorded_by",)
    raw_id_fields = ("work_order",)
    ordering = ("-valid_from",)


@admin.register(MonitoringPoint)
class MonitoringPointAdmin(ScopedAdmin):
    enterprise = "collector__enterprise"
    list_display = ("circuit", "collector", "facility", "is_accepted")
    list_filter = ("is_accepted",)
    list_select_related = ("collector", "facility")
    list_per_page = 50
    search_fields = ("circuit", "collector__mn", "facility__name")
    raw_id_fields = ("collector", "facility")
    ordering = ("collector__mn", "circuit")
    inlines = (MeterInline,)


@admin.register(Meter)
class MeterAdmin(AddOnly, ScopedAdmin):
    enterprise = "point__collector__enterprise"
    list_display = ("serial", "point", "ct_ratio", "pt_ratio", "valid_from", "valid_to")
    list_select_related = ("point__facility",)
    search_fields = ("serial", "point__collector__mn")
    raw_id_fields = ("point", "work_order")
    exclude = ("recorded_by",)
    ordering = ("serial", "valid_from")
    list_per_page = 50


@admin.register(CollectorDevice)
class CollectorDeviceAdmin(AddOnly, ScopedAdmin):
    enterprise = "collector__enterprise"
    list_display = ("serial", "collector", "vendor", "model", "valid_from", "valid_to")
    list_select_related = ("collector",)
    search_fields = ("serial", "collector__mn", "vendor")
    raw_id_fields = ("collector",)
    ordering = ("collector__mn", "-valid_from")
    list_per_page = 50


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
    ordering = ("-pk",)
    fields = ("point", "measured_at", "received_at", "kept", "refused", "chunk_id")
    readonly_fields = fields
