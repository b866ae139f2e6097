"""Enterprises, sites, lines and the installation programme, in the administration.

The file is written by ``enterprises.operations``; what hangs on an enterprise is shown below it and
changed on its own page. The status of the programme, sheets, logs, files and imports are looked at
here and moved by their operations. Facilities and how they are judged: ``meters.admin``.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from enterprises import operations
from enterprises.models import (
    AcceptanceSheet,
    Attachment,
    Contact,
    Enterprise,
    ImportJob,
    Installation,
    InstallationBatch,
    InstallationLog,
    LineGrade,
    ProductionLine,
    Site,
    SurveySheet,
)
from enterprises.programme import EVENT_WORDS
from tenancy.access import Permission
from tenancy.scoped_admin import (
    AddOnly,
    ByOperations,
    ReadOnly,
    ScopedAdmin,
    ScopedInline,
    own_divisions,
)


class SiteInline(ReadOnly, ScopedInline):
    model = Site
    fields = ("name", "address", "longitude", "latitude")
    show_change_link = True


class ContactInline(ReadOnly, ScopedInline):
    model = Contact
    fields = operations.CONTACT_FIELDS
    show_change_link = True


@admin.register(Enterprise)
class EnterpriseAdmin(ByOperations, ScopedAdmin):
    add_fields = operations.ENTERPRISE_FIELDS
    # It moves by the programme's operations alone, with a log.
    readonly_fields = ("installation_status",)
    change_fields = (*operations.ENTERPRISE_FIELDS, "installation_status")
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

    def create(self, values: dict[str, Any], **by: Any) -> Enterprise:
        return operations.create_enterprise(**values, **by)

    def change(self, row: Enterprise, values: dict[str, Any], **by: Any) -> Enterprise:
        return operations.update_enterprise(row, **values, **by)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "county":
            kwargs["queryset"] = own_divisions(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ProductionLineInline(ReadOnly, ScopedInline):
    model = ProductionLine
    show_change_link = True


@admin.register(Site)
class SiteAdmin(ByOperations, ScopedAdmin):
    add_fields = ("enterprise", *operations.SITE_FIELDS)
    change_fields = operations.SITE_FIELDS
    enterprise = "enterprise"
    list_display = ("name", "enterprise", "address")
    list_filter = ("enterprise__industry",)
    list_select_related = ("enterprise",)
    search_fields = ("name", "enterprise__name", "enterprise__code")
    autocomplete_fields = ("enterprise",)
    ordering = ("enterprise__code", "name")
    list_per_page = 50
    inlines = (ProductionLineInline,)

    def create(self, values: dict[str, Any], **by: Any) -> Site:
        return operations.add_site(values.pop("enterprise"), **values, **by)

    def change(self, row: Site, values: dict[str, Any], **by: Any) -> Site:
        return operations.update_site(row, **values, **by)


@admin.register(ProductionLine)
class ProductionLineAdmin(ByOperations, ScopedAdmin):
    add_fields = ("site", *operations.LINE_FIELDS)
    change_fields = operations.LINE_FIELDS
    enterprise = "site__enterprise"
    list_display = ("name", "site", "enterprise_name", "position")
    list_filter = ("site__enterprise__industry",)
    list_select_related = ("site__enterprise",)
    search_fields = ("name", "site__name", "site__enterprise__name")
    autocomplete_fields = ("site",)
    ordering = ("site__enterprise__code", "position", "pk")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name, ordering="site__enterprise__code")
    def enterprise_name(self, line: ProductionLine) -> str:
        return line.site.enterprise.name

    def create(self, values: dict[str, Any], **by: Any) -> ProductionLine:
        return operations.add_line(values.pop("site"), **values, **by)

    def change(self, row: ProductionLine, values: dict[str, Any], **by: Any) -> ProductionLine:
        return operations.update_line(row, **values, **by)


@admin.register(Contact)
class ContactAdmin(ByOperations, ScopedAdmin):
    add_fields = ("enterprise", *operations.CONTACT_FIELDS)
    change_fields = operations.CONTACT_FIELDS
    enterprise = "enterprise"
    list_display = ("name", "kind", "phone", "email", "enterprise")
    list_filter = ("kind",)
    list_select_related = ("enterprise",)
    search_fields = ("name", "phone", "enterprise__name", "enterprise__code")
    autocomplete_fields = ("enterprise",)
    ordering = ("enterprise__code", "pk")
    list_per_page = 50

    def create(self, values: dict[str, Any], **by: Any) -> Contact:
        return operations.add_contact(values.pop("enterprise"), **values, **by)

    def change(self, row: Contact, values: dict[str, Any], **by: Any) -> Contact:
        return operations.update_contact(row, **values, **by)


@admin.register(LineGrade)
class LineGradeAdmin(ByOperations, AddOnly, ScopedAdmin):
    add_fields = ("line", "grade", "valid_from", "basis")
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

    def create(self, values: dict[str, Any], **by: Any) -> LineGrade:
        return operations.set_grade(values.pop("line"), **values, **by)


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

    enterprise = None

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = admin.ModelAdmin.get_queryset(self, request)
        return rows.filter(division__in=own_divisions(request))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "division":
            kwargs["queryset"] = own_divisions(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(InstallationBatch)
class InstallationBatchAdmin(DivisionScoped):
    list_display = ("name", "document_number", "division", "issued_on", "due_on")
    list_filter = ("due_on", ("division", admin.RelatedOnlyFieldListFilter))
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
    list_display = ("at", "enterprise", "from_status", "to_status", "said", "actor", "body")
    list_filter = ("to_status",)
    list_select_related = ("enterprise", "actor")
    search_fields = ("enterprise__name", "reason")
    ordering = ("-at", "-pk")
    list_per_page = 50

    @admin.display(description=_("event"), ordering="event")
    def said(self, log: InstallationLog) -> str:
        """Return the event in the words of the enterprise's page."""
        return str(EVENT_WORDS.get(log.event, log.event))


@admin.register(SurveySheet)
class SurveySheetAdmin(ReadOnly, ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("enterprise", "surveyed_on", "company", "recorded_by", "recorded_at")
    list_filter = ("surveyed_on",)
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
