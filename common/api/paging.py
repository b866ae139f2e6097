"""Paging by keyset: a page begins after the last row of the one before, whatever came in between.

The view's ``order`` names the fields, ending in the key, all in one direction; the cursor holds
their values of the last row. A cursor is no secret: it only ever narrows what may be seen.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q
from django.utils.translation import gettext_lazy
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from common.api.problems import InvalidCursor, InvalidQuery

CURSOR_CHARACTERS = 300
KEY_MAX = 2**63 - 1


class KeysetPagination(BasePagination):
    """``?page_size=`` and ``?cursor=``; answers ``{"next": address or null, "results": [...]}``."""

    page_size = 50
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the request asks for."""
        self.request = request
        self.order: tuple[str, ...] = tuple(view.order)
        self.size = self._read_size(request.query_params.get("page_size"))
        rows = queryset.order_by(*self.order)
        if cursor := request.query_params.get("cursor"):
            rows = rows.filter(_after(self.order, _decode(cursor, self.order, queryset.model)))
        page = list(rows[: self.size + 1])
        self.has_next = len(page) > self.size
        self.page = page[: self.size]
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "results": data})

    def get_next_link(self) -> str | None:
        """Return the address of the next page; None on the last."""
        if not self.has_next:
            return None
        address = self.request.build_absolute_uri()
        return replace_query_param(address, "cursor", _encode(self.page[-1], self.order))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": "string",
                    "nullable": True,
                    "format": "uri",
                    "description": gettext_lazy("Address of the next page; null on the last."),
                    "example": "https://powerwatch.example.cn/api/v1/enterprises?cursor=WyIxMiJd",
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": str(gettext_lazy("Rows of a page.")),
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                },
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": str(gettext_lazy("Where to go on; take it from `next`.")),
                "schema": {"type": "string", "minLength": 1, "maxLength": CURSOR_CHARACTERS},
            },
        ]

    def _read_size(self, text: str | None) -> int:
        if text is None:
            return self.page_size
        if text.isascii() and text.isdecimal() and len(text) <= 6:
            size = int(text)
            if 1 <= size <= self.max_page_size:
                return size
        words = gettext_lazy("A whole number from 1 to %(most)d.") % {"most": self.max_page_size}
        raise InvalidQuery(errors=[{"parameter": "page_size", "detail": str(words)}])


class ReadingPagination(KeysetPagination):
    """For rows that come by the minute: a page holds a day."""

    page_size = 1440
    max_page_size = 1440


def _value(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _encode(row: Any, order: Sequence[str]) -> str:
    values = []
    for name in order:
        value = _value(row, name.lstrip("-"))
        values.append(value.isoformat() if isinstance(value, datetime) else str(value))
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decode(cursor: str, order: Sequence[str], model: type[Model]) -> list[Any]:
    if len(cursor) > CURSOR_CHARACTERS:
        raise InvalidCursor
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(order):
            raise InvalidCursor
        return [
            _read_value(value, model, name.lstrip("-"))
            for value, name in zip(values, order, strict=True)
        ]
    except (ValueError, ValidationError, binascii.Error, OverflowError, RecursionError) as error:
        raise InvalidCursor from error


def _read_value(text: Any, model: type[Model], name: str) -> Any:
    if not isinstance(text, str) or "\0" in text:
        raise InvalidCursor
    meta = model._meta
    field: Field[Any, Any] = (
        meta.pk if name == "pk" else meta.get_field(name)  # type: ignore[assignment]
    )
    value = field.to_python(text)
    if isinstance(value, datetime) and (value.tzinfo is None or not 1970 <= value.year <= 2999):
        raise InvalidCursor
    if isinstance(value, int) and not 0 <= value <= KEY_MAX:
        raise InvalidCursor
    return value


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition for rows that come after these values; the first bound is indexable."""
    is_descending = order[0].startswith("-")
    lookup = "lt" if is_descending else "gt"
    condition = Q()
    equal: dict[str, Any] = {}
    for name, value in zip((part.lstrip("-") for part in order), values, strict=True):
        condition |= Q(**equal, **{f"{name}__{lookup}": value})
        equal[name] = value
    first = order[0].lstrip("-")
    return Q(**{f"{first}__{lookup}e": values[0]}) & condition
