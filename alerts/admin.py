"""The rules' parameters, and alerts with all that hangs on them to look at."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from alerts.evaluation.parameters import CATALOGUE
from alerts.models import Alert, AlertLog, Notification, Occurrence, RuleParameter
from enterprises.models import Facility
from tenancy.models import User
from tenancy.scoped_admin import ParameterAdmin, ParameterForm, ReadOnly, ScopedAdmin, ScopedInline


class RuleParameterForm(ParameterForm):
    """Only keys that a rule reads."""

    catalogue = CATALOGUE
    scopes = ("division", "industry", "facility")

    class Meta:
        model = RuleParameter
        fields = (
            "key",
            "value",
            "division",
            "industry",
            "facility",
            "valid_from",
            "valid_to",
            "note",
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if str(data.get("key", "")).endswith("_level") and data.get("value") not in (None, 1, 2, 3):
            self.add_error("value", _("A level is 1, 2 or 3."))
        return data


@admin.register(RuleParameter)
class RuleParameterAdmin(ParameterAdmin):
    """What the rules judge by; what holds for an industry everywhere holds for everyone."""

    form = RuleParameterForm
    list_select_related = ("division", "facility")
    search_fields = ("key", "note")
    list_per_page = 50
    list_display = ("key", "value", "division", "industry", "facility", "valid_from", "valid_to")
    list_filter = ("key", "industry")
    raw_id_fields = ("facility",)
    ordering = ("key", "valid_from", "pk")

    def of_everyone(self) -> Q:
        return Q(division__isnull=True, facility__isnull=True)

    def of_tree(self, path: str) -> Q:
        of_facility = Q(facility__site__enterprise__county__path__startswith=path)
        return super().of_tree(path) | of_facility

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        if db_field.name == "facility":
            kwargs["queryset"] = Facility.objects.visible_to(cast(User, request.user))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class OccurrenceInline(ReadOnly, ScopedInline):
    model = Occurrence
    fields = ("state", "level", "started_at", "ended_at", "detected_at", "evidence")
    readonly_fields = fields
    ordering = ("started_at", "pk")
    can_delete = False


class AlertLogInline(ReadOnly, ScopedInline):
    model = AlertLog
    fields = ("at", "actor", "event", "from_status", "to_status", "detail")
    readonly_fields = fields
    ordering = ("at", "pk")
    can_delete = False


@admin.register(Alert)
class AlertAdmin(ReadOnly, ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("number", "rule", "level", "status", "enterprise", "first_started_at")
    list_filter = ("rule", "level", "status")
    list_select_related = ("enterprise",)
    search_fields = ("number", "enterprise__name")
    list_per_page = 50
    date_hierarchy = "first_started_at"
    inlines = (OccurrenceInline, AlertLogInline)


@admin.register(Occurrence)
class OccurrenceAdmin(ReadOnly, ScopedAdmin):
    """Also the suppressed ones, which have no alert: they stay visible and countable."""

    enterprise = "enterprise"
    list_display = ("rule", "enterprise", "state", "level", "started_at", "ended_at", "alert")
    list_filter = ("rule", "state", "level")
    list_select_related = ("enterprise", "alert")
    search_fields = ("enterprise__name", "alert__number")
    list_per_page = 50
    date_hierarchy = "started_at"


@admin.register(AlertLog)
class AlertLogAdmin(ReadOnly, ScopedAdmin):
    enterprise = "alert__enterprise"
    list_display = ("at", "alert", "event", "from_status", "to_status", "actor")
    list_filter = ("event",)
    list_select_related = ("alert", "actor")
    search_fields = ("alert__number", "actor__full_name")
    ordering = ("-at", "-pk")
    list_per_page = 50


@admin.register(Notification)
class NotificationAdmin(ReadOnly, ScopedAdmin):
    enterprise = "alert__enterprise"
    list_display = ("created_at", "alert", "recipient", "channel", "state", "sent_at")
    list_filter = ("state", "channel", "audience")
    list_select_related = ("alert", "recipient")
    search_fields = ("alert__number", "recipient__full_name")
    ordering = ("-created_at", "-pk")
    list_per_page = 50
