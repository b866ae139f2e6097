"""Enterprises, what stands on their sites and the installation programme, in the administration.

Dated records (thresholds, pairings, grades) are add-only: a change is a new row. The status of the
programme, sheets, logs, files and imports are looked at here and moved by their operations.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from enterprises.models import (
    AcceptanceSheet,
    Attachment,
    Contact,
    Enterprise,
    Facility,
    ImportJob,
    Installation,
    InstallationBatch,
    InstallationLog,
    LineGrade,
    Pairing,
    ProductionLine,
    Site,
    SurveySheet,
    Threshold,
)
from tenancy.access import Permission, get_scope
from tenancy.models import Division
from tenancy.scoped_admin import AddOnly, ReadOnly, ScopedAdmin, ScopedInline


class SiteInline(ScopedInline):
    model = Site
    fields = ("name", "address", "longitude", "latitude")
    show_change_link = True


class ContactInline(ScopedInline):
    model = Contact


@admin.register(Enterprise)
class EnterpriseAdmin(ScopedAdmin):
    list_display = ("name", "code", "county", "industry", "installation_status", "is_key")
    list_filter = (
        "installation_status",
        "industry",
        "is_key",
        ("county", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("county",)
    search_fields = ("name", "code", "credit_code")
    autocomplete_fields = ("county",)
    ordering = ("code",)
    list_per_page = 50
    inlines = (SiteInline, ContactInline)
    # It moves by the programme's operations alone, with a log.
    readonly_fields = ("installation_status",)


class ProductionLineInline(ScopedInline):
    model = ProductionLine


@admin.register(Site)
class SiteAdmin(ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("name", "enterprise", "address")
    list_select_related = ("enterprise",)
    search_fields = ("name", "enterprise__name", "enterprise__code")
    autocomplete_fields = ("enterprise",)
    ordering = ("enterprise__code", "name")
    list_per_page = 50
    inlines = (ProductionLineInline,)


@admin.register(ProductionLine)
class ProductionLineAdmin(ScopedAdmin):
    enterprise = "site__enterprise"
    list_display = ("name", "site", "enterprise_name", "position")
    list_select_related = ("site__enterprise",)
    search_fields = ("name", "site__name", "site__enterprise__name")
    autocomplete_fields = ("site",)
    ordering = ("site__enterprise__code", "position", "pk")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name, ordering="site__enterprise__code")
    def enterprise_name(self, line: ProductionLine) -> str:
        return line.site.enterprise.name


class ThresholdInline(AddOnly, ScopedInline):
    """Alerts were judged by it: a threshold is followed by another, never changed."""

    model = Threshold
    exclude = ("approved_by", "approved_at")
    ordering = ("-valid_from",)


@admin.register(Facility)
class FacilityAdmin(ScopedAdmin):
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


@admin.register(Pairing)
class PairingAdmin(AddOnly, ScopedAdmin):
    """A pairing is ended and followed on the file's page; alerts that it gave rise to quote it."""

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
    exclude = ("approved_by", "approved_at")
    ordering = ("site__enterprise__code", "pk")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name, ordering="site__enterprise__code")
    def enterprise_name(self, pairing: Pairing) -> str:
        return pairing.site.enterprise.name


@admin.register(Contact)
class ContactAdmin(ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("name", "kind", "phone", "email", "enterprise")
    list_filter = ("kind",)
    list_select_related = ("enterprise",)
    search_fields = ("name", "phone", "enterprise__name", "enterprise__code")
    autocomplete_fields = ("enterprise",)
    ordering = ("enterprise__code", "pk")
    list_per_page = 50


@admin.register(LineGrade)
class LineGradeAdmin(AddOnly, ScopedAdmin):
    enterprise = "line__site__enterprise"
    list_display = ("line", "enterprise_name", "grade", "valid_from", "basis")
    list_filter = ("grade",)
    list_select_related = ("line__site__enterprise",)
    search_fields = ("line__name", "line__site__enterprise__name")
    autocomplete_fields = ("line",)
    ordering = ("line__site__enterprise__code", "line", "-valid_from")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name)
    def enterprise_name(self, grade: LineGrade) -> str:
        return grade.line.site.enterprise.name


@admin.register(Threshold)
class ThresholdAdmin(AddOnly, ScopedAdmin):
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
    exclude = ("approved_by", "approved_at")
    ordering = ("facility__site__enterprise__code", "facility", "-valid_from")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name)
    def enterprise_name(self, threshold: Threshold) -> str:
        return threshold.facility.site.enterprise.name


@admin.register(Attachment)
class AttachmentAdmin(ReadOnly, ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("title", "enterprise", "file_name", "content_type", "size_bytes", "uploaded_at")
    list_filter = ("content_type",)
    list_select_related = ("enterprise",)
    search_fields = ("title", "file_name", "enterprise__name")
    ordering = ("-uploaded_at", "-pk")
    exclude = ("path",)
    list_per_page = 50


class DivisionScoped(ScopedAdmin):
    """Rows that hang on a division: the administrator's tree, and no other in the form."""

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = admin.ModelAdmin.get_queryset(self, request)
        return rows.filter(division__in=self._divisions(request))

    def _divisions(self, request: HttpRequest) -> Any:
        scope = get_scope(request.user)  # type: ignore[arg-type]
        rows = Division.objects.order_by("path")
        if scope.everything:
            return rows
        found = rows.none()
        for path in scope.division_paths:
            found = found | rows.filter(path__startswith=path)
        return found

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "division":
            kwargs["queryset"] = self._divisions(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(InstallationBatch)
class InstallationBatchAdmin(DivisionScoped):
    list_display = ("name", "document_number", "division", "issued_on", "due_on")
    list_select_related = ("division",)
    search_fields = ("name", "document_number")
    exclude = ("created_by",)
    ordering = ("-due_on", "pk")
    list_per_page = 50


@admin.register(Installation)
class InstallationAdmin(ReadOnly, ScopedAdmin):
    """Looked at here; moved under the installation pages, where each move is logged."""

    enterprise = "enterprise"
    list_display = ("enterprise", "status", "batch", "due_on", "company", "accepted_at")
    list_filter = ("enterprise__installation_status",)
    list_select_related = ("enterprise", "batch", "company")
    search_fields = ("enterprise__name", "enterprise__code", "batch__name")
    ordering = ("due_on", "pk")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.get_field("installation_status").verbose_name)
    def status(self, row: Installation) -> str:
        return row.enterprise.get_installation_status_display()


@admin.register(InstallationLog)
class InstallationLogAdmin(ReadOnly, ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("at", "enterprise", "from_status", "to_status", "event", "actor", "body")
    list_filter = ("to_status",)
    list_select_related = ("enterprise", "actor")
    search_fields = ("enterprise__name", "reason")
    ordering = ("-at", "-pk")
    list_per_page = 50


@admin.register(SurveySheet)
class SurveySheetAdmin(ReadOnly, ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("enterprise", "surveyed_on", "company", "recorded_by", "recorded_at")
    list_select_related = ("enterprise", "company", "recorded_by")
    search_fields = ("enterprise__name",)
    ordering = ("-surveyed_on", "-pk")
    list_per_page = 50


@admin.register(AcceptanceSheet)
class AcceptanceSheetAdmin(ReadOnly, ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("enterprise", "is_passed", "signed_name", "body", "signed_at")
    list_filter = ("is_passed",)
    list_select_related = ("enterprise",)
    search_fields = ("enterprise__name", "signed_name")
    ordering = ("-signed_at", "-pk")
    list_per_page = 50


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnly, DivisionScoped):
    permission = Permission.ADMINISTER
    list_display = ("file_name", "user", "status", "rows_total", "error_count", "created_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("file_name", "user__full_name")
    exclude = ("path",)
    ordering = ("-created_at", "-pk")
    list_per_page = 50
