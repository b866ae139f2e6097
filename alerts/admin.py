"""The rules' parameters, and alerts with all that hangs on them to look at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts.evaluation.parameters import CATALOGUE
from alerts.models import Alert, AlertLog, Notification, Occurrence, RuleParameter
from tenancy.scoped_admin import ReadOnly, ScopedAdmin, ScopedInline


class RuleParameterForm(forms.ModelForm):
    """Only keys that a rule reads, only numbers that make sense, only one scope."""

    key = forms.ChoiceField(label=gettext_lazy("key"))

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        key = self.fields["key"]
        assert isinstance(key, forms.ChoiceField)  # noqa: S101
        key.choices = [
            (spec.key, f"{spec.key}: {_(spec.meaning)} ({spec.default:g} {spec.unit})")
            for spec in CATALOGUE.values()
        ]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        value = data.get("value")
        if value is not None and value < 0:
            self.add_error("value", _("A parameter is never negative."))
        if str(data.get("key", "")).endswith("_level") and value not in (None, 1, 2, 3):
            self.add_error("value", _("A level is 1, 2 or 3."))
        if sum(bool(data.get(scope)) for scope in ("division", "industry", "facility")) > 1:
            self.add_error(None, _("Choose one scope: division, industry or facility."))
        return data


@admin.register(RuleParameter)
class RuleParameterAdmin(admin.ModelAdmin):
    form = RuleParameterForm
    list_display = ("key", "value", "division", "industry", "facility", "valid_from", "valid_to")
    list_filter = ("key", "industry")
    raw_id_fields = ("facility",)
    ordering = ("key", "valid_from", "pk")

    def has_delete_permission(self, request: HttpRequest, obj: RuleParameter | None = None) -> bool:
        """Refuse: a value that was in force stays on record; end it by its date."""
        return False


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
    date_hierarchy = "first_started_at"
    inlines = (OccurrenceInline, AlertLogInline)


@admin.register(Occurrence)
class OccurrenceAdmin(ReadOnly, ScopedAdmin):
    """Also the suppressed ones, which have no alert: they stay visible and countable."""

    enterprise = "enterprise"
    list_display = ("rule", "enterprise", "state", "level", "started_at", "ended_at", "alert")
    list_filter = ("rule", "state", "level")
    list_select_related = ("enterprise", "alert")
    date_hierarchy = "started_at"


@admin.register(AlertLog)
class AlertLogAdmin(ReadOnly, ScopedAdmin):
    enterprise = "alert__enterprise"
    list_display = ("at", "alert", "event", "from_status", "to_status", "actor")
    list_filter = ("event",)
    list_select_related = ("alert", "actor")


@admin.register(Notification)
class NotificationAdmin(ReadOnly, ScopedAdmin):
    enterprise = "alert__enterprise"
    list_display = ("created_at", "alert", "recipient", "channel", "state", "sent_at")
    list_filter = ("state", "channel", "audience")
    list_select_related = ("alert", "recipient")
