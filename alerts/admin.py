"""The rules' parameters, and alerts with all that hangs on them to look at."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts.evaluation.parameters import CATALOGUE
from alerts.models import Alert, AlertLog, Notification, Occurrence, RuleParameter
from enterprises.models import Facility
from tenancy.access import Permission, get_scope
from tenancy.models import Division, User
from tenancy.scoped_admin import AddOnly, ReadOnly, ScopedAdmin, ScopedInline, may


class RuleParameterForm(forms.ModelForm):
    """Only keys that a rule reads, only numbers that make sense, only one scope."""

    key = forms.ChoiceField(label=gettext_lazy("key"))

    needs_place = False

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
        if self.needs_place and not (data.get("division") or data.get("facility")):
            self.add_error("division", _("Choose a division or a facility of your own city."))
        return data


@admin.register(RuleParameter)
class RuleParameterAdmin(AddOnly, ScopedAdmin):
    """Dated and scoped: a change is a new row. A city's administrator sets the own city's.

    What holds for everyone, or for an industry everywhere, is the system administrator's.
    """

    form = RuleParameterForm
    list_select_related = ("division", "facility")
    search_fields = ("key", "note")
    list_per_page = 50
    list_display = ("key", "value", "division", "industry", "facility", "valid_from", "valid_to")
    list_filter = ("key", "industry")
    raw_id_fields = ("facility",)
    ordering = ("key", "valid_from", "pk")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, Permission.ADMINISTER) or may(request, Permission.ADMINISTER_SYSTEM)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleParameter]:
        """Return what holds everywhere, and for a city's administrator the own city's."""
        rows = admin.ModelAdmin.get_queryset(self, request)
        if may(request, Permission.ADMINISTER_SYSTEM):
            own = Q(division__isnull=False) | Q(facility__isnull=True)
            return rows if _is_superuser(request) else rows.filter(own)
        own = Q(division__isnull=True, facility__isnull=True)
        for path in get_scope(_actor(request)).division_paths:
            own |= Q(division__path__startswith=path)
            own |= Q(facility__site__enterprise__county__path__startswith=path)
        return rows.filter(own)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        if db_field.name == "division":
            divisions = Division.objects.order_by("path")
            if not may(request, Permission.ADMINISTER_SYSTEM):
                own = Q(pk__in=[])
                for path in get_scope(_actor(request)).division_paths:
                    own |= Q(path__startswith=path)
                divisions = divisions.filter(own)
            kwargs["queryset"] = divisions
        if db_field.name == "facility":
            kwargs["queryset"] = Facility.objects.visible_to(_actor(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the form; who is no system administrator must name a place in the own city."""
        form = super().get_form(request, *args, **kwargs)
        form.needs_place = not may(request, Permission.ADMINISTER_SYSTEM)
        return form


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)  # the admin lets nobody else in


def _is_superuser(request: HttpRequest) -> bool:
    return _actor(request).is_superuser


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
