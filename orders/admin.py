"""Declarations in the admin: recorded and reviewed here until the portal has its page."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from orders.allowance import judge_again
from orders.models import Declaration
from tenancy.scoped_admin import ScopedAdmin


@admin.register(Declaration)
class DeclarationAdmin(ScopedAdmin):
    enterprise = "enterprise"
    list_display = ("enterprise", "kind", "starts_at", "ends_at", "status", "submitted_at")
    list_filter = ("status", "kind")
    list_select_related = ("enterprise",)
    search_fields = ("enterprise__name", "reason")
    list_per_page = 50
    raw_id_fields = ("enterprise", "facilities")
    readonly_fields = ("submitted_at",)
    date_hierarchy = "starts_at"

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool
    ) -> None:
        """Store the facilities, then have the time evaluated again: both decide what is excused."""
        super().save_related(request, form, formsets, change)
        judge_again(form.instance, now=timezone.now())

    def has_delete_permission(self, request: HttpRequest, obj: Declaration | None = None) -> bool:
        """Refuse: a declaration is withdrawn, never deleted."""
        return False
