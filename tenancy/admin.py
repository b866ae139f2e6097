"""People, their grants and the divisions in the administration."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tenancy.models import Division, Grant, User

admin.site.site_header = _("PowerWatch administration")
admin.site.site_title = _("PowerWatch administration")
admin.site.index_title = _("What is set up here")
admin.site.site_url = "/"
# Roles are grants, not groups: a second way to give rights would be one too many.
admin.site.unregister(Group)


class GrantInline(admin.TabularInline):
    model = Grant
    extra = 0
    can_delete = False
    autocomplete_fields = ("division", "enterprise")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Django's own form for people, with what PowerWatch adds and the grants below."""

    inlines = (GrantInline,)
    list_display = ("username", "full_name", "phone", "email", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff", "grants__role")
    search_fields = ("username", "full_name", "phone", "email")
    ordering = ("username",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("full_name", "phone", "email", "language")}),
        (_("Account"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "full_name", "phone", "email", "password1", "password2"),
            },
        ),
    )

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        # A new person is saved first; a grant needs somebody to be granted to.
        return self.inlines if obj else ()


@admin.register(Division)
class DivisionAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "name_en", "kind", "parent")
    list_filter = ("kind",)
    list_select_related = ("parent",)
    search_fields = ("code", "name", "name_en")
    autocomplete_fields = ("parent",)
    ordering = ("path",)


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    """Every grant in one list: who may see and do what, from when until when."""

    list_display = ("user", "role", "division", "enterprise", "starts_at", "ends_at")
    list_filter = ("role",)
    list_select_related = ("user", "division", "enterprise")
    search_fields = ("user__username", "user__full_name", "division__name", "enterprise__name")
    autocomplete_fields = ("user", "division", "enterprise")
    ordering = ("user__username", "starts_at")

    def has_delete_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        """A grant is ended by its date: that somebody had it stays on record."""
        return False
