"""People, their grants, the divisions and what goes with them, in the administration.

Accounts and grants are looked at here by the security administrator and changed on the pages under
``/people/``; the audit log opens to auditors.
"""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenancy.access import Permission, get_authority
from tenancy.audit import record
from tenancy.models import (
    ApiToken,
    AuditEntry,
    Division,
    Grant,
    OperatorCompany,
    SiteAssignment,
    User,
    UserSession,
)
from tenancy.scoped_admin import AdministeredBy, ReadOnly, ScopedAdmin, may, may_enter

# Roles are grants, not groups: a second way to give rights would be one too many.
admin.site.unregister(Group)


class ForSecurity(ReadOnly, AdministeredBy):
    """The security administrator looks here; accounts and grants are changed under ``/people/``."""

    permission = Permission.MANAGE_GRANTS


def paths_of(request: HttpRequest, permission: Permission) -> tuple[str, ...]:
    """Return the division trees for which the person holds the permission; ``("",)`` for all."""
    authority = get_authority(cast(User, request.user))
    if authority.is_superuser:
        return ("",)
    return tuple(h.division_path for h in authority.holdings_with(permission) if h.division_path)


def within(paths: tuple[str, ...], *lookups: str) -> Q:
    """Return the filter for rows one of whose lookups leads into one of the trees."""
    found = Q(pk__in=[])
    for path in paths:
        for lookup in lookups:
            found |= Q() if path == "" else Q(**{f"{lookup}__startswith": path})
    return Q() if "" in paths else found


#: Where a person belongs: by any grant, had or held.
OF_USER = ("division__path", "enterprise__county__path", "company__division__path")


class OfPeople(ForSecurity):
    """Rows of people in the administrator's own tree; ``person`` is the lookup to the user."""

    person = "user"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)  # type: ignore[misc]
        paths = paths_of(request, self.permission)
        if "" in paths:
            return rows
        of_tree = Grant.objects.filter(within(paths, *OF_USER)).values("user")
        return rows.filter(**{f"{self.person}__in": of_tree})


def link_to_person(pk: int, words: Any) -> str:
    """Return the link to the page on which a person's account and grants are changed."""
    return format_html('<a href="{}">{}</a>', reverse("person", args=[pk]), words)


class GrantInline(ForSecurity, admin.TabularInline):
    model = Grant
    fk_name = "user"
    extra = 0
    can_delete = False
    fields = ("role", "division", "enterprise", "company", "starts_at", "ends_at")


@admin.register(User)
class UserAdmin(OfPeople, admin.ModelAdmin):
    """Accounts and their grants below, to look at."""

    person = "pk"
    inlines = (GrantInline,)
    list_display = ("username", "full_name", "phone", "is_active", "last_login", "page")
    list_filter = ("is_active", "grants__role")
    search_fields = ("username", "full_name", "phone", "email")
    ordering = ("username",)
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("username", "page")}),
        (gettext_lazy("Person"), {"fields": ("full_name", "phone", "email", "language")}),
        (
            gettext_lazy("Account"),
            {"fields": ("is_active", "is_staff", "is_superuser", "must_change_password")},
        ),
        (
            gettext_lazy("Dates"),
            {"fields": ("last_login", "date_joined", "password_changed_at")},
        ),
    )

    @admin.display(description=gettext_lazy("changed under"))
    def page(self, user: User) -> str:
        return link_to_person(user.pk, _("Account and grants"))


@admin.register(Division)
class DivisionAdmin(AdministeredBy, admin.ModelAdmin):
    """The tree. The system administrator keeps it; others look up in it what they name."""

    permission = Permission.ADMINISTER_SYSTEM
    list_display = ("code", "name", "name_en", "kind", "parent")
    list_filter = ("kind",)
    list_select_related = ("parent",)
    search_fields = ("code", "name", "name_en")
    autocomplete_fields = ("parent",)
    ordering = ("path",)
    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or (
            # the boxes of other forms that look a division up
            request.resolver_match is not None
            and request.resolver_match.url_name == "autocomplete"
            and may_enter(request)
        )


@admin.register(Grant)
class GrantAdmin(ForSecurity, admin.ModelAdmin):
    """Every grant in one list: who may see and do what, from when until when."""

    list_display = (
        "user",
        "role",
        "division",
        "enterprise",
        "company",
        "starts_at",
        "ends_at",
        "page",
    )
    list_filter = ("role", ("ends_at", admin.EmptyFieldListFilter))
    fields = (
        "page",
        "user",
        "role",
        "division",
        "enterprise",
        "company",
        "starts_at",
        "ends_at",
    )
    list_select_related = ("user", "division", "enterprise", "company")
    search_fields = ("user__username", "user__full_name", "division__name", "enterprise__name")
    ordering = ("user__username", "starts_at")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        paths = paths_of(request, self.permission)
        return super().get_queryset(request).filter(within(paths, *OF_USER))

    @admin.display(description=gettext_lazy("changed under"))
    def page(self, grant: Grant) -> str:
        return link_to_person(grant.user_id, _("Account and grants"))


@admin.register(OperatorCompany)
class OperatorCompanyAdmin(AdministeredBy, admin.ModelAdmin):
    list_display = ("name", "credit_code", "phone", "division")
    list_filter = (("division", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("division",)
    search_fields = ("name", "credit_code")
    ordering = ("name",)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[OperatorCompany]:
        rows = super().get_queryset(request)
        if may(request, self.permission):
            return rows.filter(within(paths_of(request, self.permission), "division__path"))
        return rows.none()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "division":
            paths = paths_of(request, self.permission)
            kwargs["queryset"] = Division.objects.filter(within(paths, "path")).order_by("path")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(SiteAssignment)
class SiteAssignmentAdmin(ScopedAdmin):
    enterprise = "site__enterprise"
    list_display = ("company", "site", "enterprise_name", "starts_at", "ends_at")
    list_filter = (("ends_at", admin.EmptyFieldListFilter), "site__enterprise__industry")
    list_select_related = ("company", "site__enterprise")
    search_fields = ("company__name", "site__enterprise__name")
    autocomplete_fields = ("company", "site")
    ordering = ("company__name", "site__enterprise__code", "pk")
    list_per_page = 50

    @admin.display(description=gettext_lazy("enterprise"), ordering="site__enterprise__code")
    def enterprise_name(self, row: SiteAssignment) -> str:
        return row.site.enterprise.name

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: an assignment is ended by its date; it says who could see what, when."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(OfPeople, admin.ModelAdmin):
    """Which programs act for whom; no secret is here. What is known to be lost is revoked."""

    list_display = (
        "name",
        "user",
        "prefix",
        "created_at",
        "expires_at",
        "latest_used_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username", "user__full_name")
    ordering = ("-created_at", "-pk")
    fields = (
        "name",
        "user",
        "prefix",
        "scopes",
        "created_at",
        "expires_at",
        "latest_used_at",
        "revoked_at",
    )
    readonly_fields = fields
    actions = ("revoke",)
    list_per_page = 50

    @admin.action(description=gettext_lazy("Revoke the chosen tokens"))
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        count = rows.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        messages.success(
            request, _("%(count)s revoked; they open nothing from now on.") % {"count": count}
        )


@admin.register(UserSession)
class UserSessionAdmin(OfPeople, admin.ModelAdmin):
    """Who is signed in from where; a session that is ended is signed out at once."""

    list_display = ("user", "started_at", "latest_at", "address", "device", "ended_at")
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__full_name", "address")
    ordering = ("-started_at", "-pk")
    fields = ("user", "started_at", "latest_at", "address", "device", "ended_at", "end_reason")
    readonly_fields = fields
    actions = ("end",)
    list_per_page = 50

    @admin.action(description=gettext_lazy("End the chosen sessions"))
    def end(self, request: HttpRequest, rows: QuerySet[UserSession]) -> None:
        keys = list(rows.filter(ended_at__isnull=True).values_list("session_key", flat=True))
        Session.objects.filter(session_key__in=keys).delete()
        for one in rows.filter(session_key__in=keys):
            record(
                "session.end",
                object_type="tenancy_user",
                object_id=one.user_id,
                object_label=str(one.user),
                request=request,
            )
        rows.filter(session_key__in=keys).update(ended_at=timezone.now(), end_reason="admin")
        messages.success(
            request, _("%(count)s ended; those devices are signed out.") % {"count": len(keys)}
        )


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, AdministeredBy, admin.ModelAdmin):
    """The log as rows of the auditor's tree; the page for searching it is ``/audit/``."""

    permission = Permission.SEE_AUDIT
    list_display = ("at", "actor_name", "body", "action", "object_label", "address", "is_success")
    list_filter = ("is_success",)
    search_fields = ("actor_name", "object_label")
    ordering = ("-at", "-pk")
    list_per_page = 50
    show_full_result_count = False  # counting millions of rows would cost more than showing 50
    fields = (
        "at",
        "actor_name",
        "body",
        "action",
        "object_type",
        "object_id",
        "object_label",
        "address",
        "session",
        "request",
        "old",
        "new",
        "note",
        "is_success",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        paths = paths_of(request, self.permission)
        return super().get_queryset(request).filter(within_path(paths))


def within_path(paths: tuple[str, ...]) -> Q:
    """Return the filter for entries whose object belongs to one of the trees."""
    found = Q(pk__in=[])
    for path in paths:
        found |= Q(division_path__startswith=path)
    return Q() if "" in paths else found
