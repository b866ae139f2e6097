"""Fields of bodies, bounded so that no value can reach the database that it cannot hold."""

from datetime import datetime
from typing import Any

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
