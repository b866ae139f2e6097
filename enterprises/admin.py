"""Enterprises and what stands on their sites, in the administration.

Thresholds and pairings are dated: the forms add rows and end them, they do not delete them.
"""

from django.contrib import admin
from django.http import HttpRequest

from enterprises.models import (
    Enterprise,
    Facility,
    Pairing,
    ProductionLine,
    Site,
    Threshold,
)
from tenancy.scoped_admin import ScopedAdmin, ScopedInline


class SiteInline(ScopedInline):
    model = Site
    fields = ("name", "address", "longitude", "latitude")
    show_change_link = True


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
    inlines = (SiteInline,)


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


class ThresholdInline(ScopedInline):
    model = Threshold
    autocomplete_fields = ("approved_by",)

    def has_delete_permission(self, request: HttpRequest, obj: Facility | None = None) -> bool:
        """Alerts were judged by it: a threshold is followed by another, never taken away."""
        return False


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
class PairingAdmin(ScopedAdmin):
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
    autocomplete_fields = ("site", "productions", "controls", "approved_by")
    ordering = ("site__enterprise__code", "pk")
    list_per_page = 50

    @admin.display(description=Enterprise._meta.verbose_name, ordering="site__enterprise__code")
    def enterprise_name(self, pairing: Pairing) -> str:
        return pairing.site.enterprise.name

    def has_delete_permission(self, request: HttpRequest, obj: Pairing | None = None) -> bool:
        """A pairing is ended by its date; alerts that it gave rise to quote it."""
        return False
