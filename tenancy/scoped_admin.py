"""The door of Django's administration: the same scope as every page, and one permission.

A bureau administrator works here on the own city; what the forms offer and take is what the lists
show. What has an operation is written by it and by nothing else (``ByOperations``).
"""

from typing import Any, ClassVar, NoReturn, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import Field, ManyToManyField, Model, Q, QuerySet
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy.access import Permission, get_scope, has_permission
from tenancy.audit import note_look
from tenancy.models import Division, User
from tenancy.scoping import ScopedQuerySet

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


def own_divisions(request: HttpRequest) -> QuerySet[Division]:
    """Return the divisions of the trees that the person sees."""
    scope = get_scope(cast(User, request.user))
    rows = Division.objects.order_by("path")
    if scope.everything:
        return rows
    own = Q(pk__in=[])
    for path in scope.division_paths:
        own |= Q(path__startswith=path)
    return rows.filter(own)


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

    def _get_obj_does_not_exist_redirect(self, *args: object) -> NoReturn:
        """Answer 404, as every page does, for what is outside or is not there."""
        raise Http404


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

    ``enterprise`` is the lookup from the model to its enterprise; empty for the enterprise itself,
    None for what is no enterprise's (its class says then by ``get_queryset`` who sees it).
    """

    enterprise: str | None = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what comes through the model's own door; without one, by the enterprise."""
        rows = super().get_queryset(request)
        if isinstance(rows, ScopedQuerySet):
            return rows.visible_to(cast(User, request.user))
        county = f"{self.enterprise}__county" if self.enterprise else "county"
        condition = get_scope(cast(User, request.user)).condition(
            county=county, enterprise=self.enterprise or "pk"
        )
        return rows.none() if condition is None else rows.filter(condition)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the row that a page is about, and note the look at the enterprise's data."""
        found = super().get_object(request, *args, **kwargs)
        if found is not None and self.enterprise is not None:
            enterprise: Any = found
            for step in self.enterprise.split("__") if self.enterprise else ():
                enterprise = getattr(enterprise, step)
            note_look(
                request,
                enterprise,
                "admin",
                object_type=found._meta.db_table,
                object_id=found.pk,
                object_label=str(found),
            )
        return found


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


class RefusableForm(forms.ModelForm):
    """Collects what is to be written; the operation checks it and may refuse."""

    refusal: ClassVar[ValidationError | None] = None

    def _post_clean(self) -> None:
        """Leave the row's own checks to the operation, and show what it refused."""
        if self.refusal is None:
            return
        if hasattr(self.refusal, "error_dict"):
            for name, errors in self.refusal.error_dict.items():
                known = name if name in self.fields else None
                self.add_error(None if name == NON_FIELD_ERRORS else known, errors)
        else:
            self.add_error(None, self.refusal)


class ByOperations:
    """Rows that are written by the domain's operations: ``create`` and, where it may, ``change``.

    What an operation refuses (``ValidationError``) stands at the field of the form. Put it before
    ``ScopedAdmin``. ``add_fields`` that are not among ``change_fields`` never change.
    """

    form: Any = RefusableForm
    add_fields: ClassVar[tuple[str, ...]] = ()
    change_fields: ClassVar[tuple[str, ...]] = ()

    def create(self, values: dict[str, Any], **by: Any) -> Model:
        """Return the new row; ``by`` is ``actor`` and ``now``."""
        raise NotImplementedError

    def change(self, row: Any, values: dict[str, Any], **by: Any) -> Model:
        """Return the row with the values changed."""
        raise NotImplementedError

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fields
        if self.change_fields:
            fixed = [name for name in self.add_fields if name not in self.change_fields]
            return [*fixed, *self.change_fields]
        return super().get_fields(request, obj)  # type: ignore[misc]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = [*super().get_readonly_fields(request, obj)]  # type: ignore[misc]
        if obj is not None and self.change_fields:
            names += [name for name in self.add_fields if name not in self.change_fields]
        return names

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)  # type: ignore[misc]
        form.refusal = getattr(request, "_refusal", None)
        return form

    def _changeform_view(self, request: HttpRequest, *args: Any) -> HttpResponseBase:
        """Answer the form; once more, with what was refused, where the operation refuses."""
        view = super()._changeform_view  # type: ignore[misc]
        try:
            with transaction.atomic():
                return cast(HttpResponseBase, view(request, *args))
        except ValidationError as refusal:
            request._refusal = refusal  # type: ignore[attr-defined]
        return cast(HttpResponseBase, view(request, *args))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by = {"actor": cast(User, request.user), "now": timezone.now()}
        values = dict(form.cleaned_data)
        row = self.change(obj, values, **by) if change else self.create(values, **by)
        for field in row._meta.concrete_fields:
            setattr(obj, field.attname, getattr(row, field.attname))


class ParameterForm(forms.ModelForm):
    """Only keys that are read, only numbers that make sense, only one scope."""

    catalogue: ClassVar[Any] = {}
    scopes: ClassVar[tuple[str, ...]] = ("division",)
    needs_place = False

    key = forms.ChoiceField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        key = self.fields["key"]
        assert isinstance(key, forms.ChoiceField)  # noqa: S101
        key.label = str(self._meta.model._meta.get_field("key").verbose_name)
        key.choices = [
            (spec.key, f"{spec.key}: {_(str(spec.meaning))} ({spec.default:g} {spec.unit})")
            for spec in self.catalogue.values()
        ]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        value = data.get("value")
        if value is not None and value < 0:
            self.add_error("value", _("A parameter is never negative."))
        if sum(bool(data.get(scope)) for scope in self.scopes) > 1:
            self.add_error(None, _("Choose one scope: division, industry or facility."))
        if self.needs_place and not (data.get("division") or data.get("facility")):
            self.add_error("division", _("Choose a division or a facility of your own city."))
        return data


class ParameterAdmin(AddOnly, ScopedAdmin):
    """Dated and scoped numbers: a change is a new row. A city's administrator sets the own city's.

    What holds for everyone is the system administrator's.
    """

    enterprise = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, Permission.ADMINISTER) or may(request, Permission.ADMINISTER_SYSTEM)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def of_everyone(self) -> Q:
        """Return which rows hold without a place."""
        return Q(division__isnull=True)

    def of_tree(self, path: str) -> Q:
        """Return which rows hold in a division tree."""
        return Q(division__path__startswith=path)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what holds everywhere, and for a city's administrator the own city's."""
        rows = admin.ModelAdmin.get_queryset(self, request)
        if cast(User, request.user).is_superuser:
            return rows
        if may(request, Permission.ADMINISTER_SYSTEM):
            return rows.filter(Q(division__isnull=False) | self.of_everyone())
        own = self.of_everyone()
        for path in get_scope(cast(User, request.user)).division_paths:
            own |= self.of_tree(path)
        return rows.filter(own)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        if db_field.name == "division":
            everything = may(request, Permission.ADMINISTER_SYSTEM)
            kwargs["queryset"] = (
                Division.objects.order_by("path") if everything else own_divisions(request)
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the form; who is no system administrator must name a place in the own city."""
        form = super().get_form(request, *args, **kwargs)
        cast(Any, form).needs_place = not may(request, Permission.ADMINISTER_SYSTEM)
        return form
