"""The door of Django's administration: the same scope as every page, and one permission.

A bureau administrator works here on the own city; what the forms offer and take is what the lists
show. People, grants, divisions, profiles and rule parameters are a superuser's.
"""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Field, ManyToManyField, Model, QuerySet
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.http import HttpRequest

from tenancy.access import Permission, get_scope, has_permission
from tenancy.models import User

_KEPT = "_kept_permissions"


def may(request: HttpRequest, permission: Permission) -> bool:
    """Return whether the person holds the permission; asked once a request."""
    kept: dict[Permission, bool] = getattr(request, _KEPT, {})
    if permission not in kept:
        kept[permission] = has_permission(cast(User, request.user), permission)
        setattr(request, _KEPT, kept)
    return kept[permission]


def may_administer(request: HttpRequest) -> bool:
    """Return whether the person may work on a city's data here."""
    return may(request, Permission.ADMINISTER)


#: Whoever holds one of these finds something here: each the own modules.
ENTRY_PERMISSIONS = (
    Permission.ADMINISTER,
    Permission.ADMINISTER_SYSTEM,
    Permission.MANAGE_GRANTS,
    Permission.SEE_AUDIT,
)


def may_enter(request: HttpRequest) -> bool:
    """Return whether the administration opens: a staff account alone opens nothing."""
    person = request.user
    return (
        isinstance(person, User)
        and person.is_active
        and (person.is_superuser or any(may(request, one) for one in ENTRY_PERMISSIONS))
    )


class AdministeredBy:
    """Who may look, add and change: whoever holds ``permission``. Deleting is a superuser's."""

    permission = Permission.ADMINISTER

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, self.permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.permission)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.permission)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.permission) and cast(User, request.user).is_superuser


class ScopedForms:
    """Foreign keys are taken only from what the actor sees in the other model's own list."""

    admin_site: admin.AdminSite

    def _scoped(self, field: "Field[Any, Any]", request: HttpRequest) -> QuerySet[Model] | None:
        other = self.admin_site._registry.get(cast("type[Model]", field.related_model))
        return other.get_queryset(request) if isinstance(other, ScopedAdmin) else None

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        if "queryset" not in kwargs and (rows := self._scoped(db_field, request)) is not None:
            kwargs["queryset"] = rows
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField | None:
        if "queryset" not in kwargs and (rows := self._scoped(db_field, request)) is not None:
            kwargs["queryset"] = rows
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class ScopedAdmin(AdministeredBy, ScopedForms, admin.ModelAdmin):
    """A list and a form of what belongs to the enterprises that the actor sees.

    ``enterprise`` is the lookup from the model to its enterprise; empty for the enterprise itself.
    """

    enterprise = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        county = f"{self.enterprise}__county" if self.enterprise else "county"
        condition = get_scope(cast(User, request.user)).condition(
            county=county, enterprise=self.enterprise or "pk"
        )
        return rows.none() if condition is None else rows.filter(condition)


class ScopedInline(AdministeredBy, ScopedForms, admin.TabularInline):
    """Rows of a form that is scoped itself."""

    extra = 0


class ReadOnly:
    """Facts are looked at here and changed through operations. Put it before ``ScopedAdmin``."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AddOnly:
    """Dated records: another row may follow, and a row that stands stays as it is."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
