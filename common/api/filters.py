"""Filters of lists: each knows what it takes, says so in the schema and refuses the rest."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from django_filters import filters
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from common.api.paging import KEY_MAX
from common.api.problems import InvalidQuery

#: No control characters: PostgreSQL takes no NUL, and no name holds the others.
PLAIN_TEXT = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]*$"
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class StrictFilterBackend(DjangoFilterBackend):
    """Filter, or say by parameter what is wrong."""

    raise_exception = False

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise InvalidQuery(
                errors=[
                    {"parameter": name, "detail": str(message)}
                    for name, messages in filterset.errors.items()
                    for message in messages
                ]
            )
        return filterset.qs


class _BigIntegerField(forms.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=KEY_MAX, **kwargs)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": KEY_MAX})
class IdFilter(filters.Filter):
    """Rows that point to the object with this id; an id that may not be seen finds nothing."""

    field_class = _BigIntegerField


class _PlainTextField(forms.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(PLAIN_TEXT, max_length=60, **kwargs)


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 60, "pattern": PLAIN_TEXT})
class TextFilter(filters.Filter):
    """A short text without control characters."""

    field_class = _PlainTextField


class StrictBooleanField(forms.TypedChoiceField):
    """``true`` or ``false``, as JSON writes them."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("empty_value", None)
        super().__init__(
            choices=[("true", "true"), ("false", "false")],
            coerce=lambda text: text == "true",
            **kwargs,
        )


@extend_schema_field({"type": "boolean"})
class FlagFilter(filters.Filter):
    field_class = StrictBooleanField


class InstantField(forms.Field):
    """An instant of RFC 3339 with its offset, such as ``2026-11-23T02:13:00+08:00``."""

    default_validators = [MinValueValidator(EARLIEST), MaxValueValidator(LATEST)]

    def to_python(self, value: Any) -> datetime | None:
        if value in (None, ""):
            return None
        try:
            instant = datetime.fromisoformat(str(value).replace("t", "T").replace("z", "Z"))
            if instant.tzinfo is None:
                raise ValueError
            return instant.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise forms.ValidationError(
                gettext_lazy("An instant with its offset, such as 2026-11-23T02:13:00+08:00.")
            ) from error


@extend_schema_field({"type": "string", "format": "date-time"})
class InstantFilter(filters.Filter):
    """An instant from 1990 to 2200, with its offset (in an address ``+`` is written ``%2B``)."""

    field_class = InstantField
