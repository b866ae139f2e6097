"""Fields of bodies, bounded so that no value can reach the database that it cannot hold."""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.filters import EARLIEST, LATEST
from common.api.paging import KEY_MAX


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": KEY_MAX})
class IdField(serializers.IntegerField):
    """The id of an object, as a JSON number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=KEY_MAX, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Words, as a JSON string; a number is not taken for one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class InstantField(serializers.DateTimeField):
    """An instant with its offset, from 1990 to 2200."""

    default_error_messages = {
        "invalid": serializers.DateTimeField.default_error_messages["invalid"]
    }

    def to_internal_value(self, value: Any) -> datetime:
        try:
            instant = super().to_internal_value(value)
        except (OverflowError, ValueError):
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss]+hh:mm")
        if not EARLIEST <= instant <= LATEST:
            self.fail("invalid", format="1990-2200")
        return instant


class DayField(serializers.DateField):
    """A calendar day as YYYY-MM-DD, from 1990 to 2199."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            self.fail("invalid", format="YYYY-MM-DD")
        day = super().to_internal_value(value)
        if not EARLIEST.year <= day.year < LATEST.year:
            self.fail("invalid", format="1990-2199")
        return day


class NumberField(serializers.FloatField):
    """A finite JSON number; words and truth values are not taken for one."""

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        try:
            number = float(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class CountField(serializers.IntegerField):
    """A whole JSON number."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """``true`` or ``false``."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictSerializer(serializers.Serializer):
    """A body in which a name that is not known is refused: misspelt, it would change nothing."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            strange = sorted(str(name)[:60] for name in data.keys() - self.fields.keys())
            if strange:
                words = _("This is not known here.")
                raise serializers.ValidationError({name: [words] for name in strange[:20]})
        return super().to_internal_value(data)
