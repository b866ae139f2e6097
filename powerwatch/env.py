"""Typed readers of environment variables that fail loudly.

Each reader returns the value in its type, the default where one is given, and raises
``ImproperlyConfigured`` naming the variable and what was expected. A value can also come from the
file that ``<NAME>_FILE`` names, so that secrets need not stand in the environment.
"""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TypeVar, overload
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_UNSET = object()
T = TypeVar("T")


def _raw(name: str) -> str | None:
    if (value := os.environ.get(name)) is not None:
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={path}: {error.strerror}") from error
    return None


@overload
def text(name: str) -> str: ...
@overload
def text(name: str, default: T) -> str | T: ...
def text(name: str, default: object = _UNSET) -> object:
    """Return the variable's text; without a default an unset or empty one is an error."""
    value = _raw(name)
    if value is None or value == "":
        if default is _UNSET:
            raise ImproperlyConfigured(f"{name} must be set (or {name}_FILE)")
        return default
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return a yes/no variable: 1 true yes on, 0 false no off, nothing else."""
    value = _raw(name)
    if value is None or value == "":
        return default
    lowered = value.lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r}: expected 1 or 0")


def integer(name: str, default: int, *, minimum: int | None = None) -> int:
    """Return a whole number, refused below ``minimum``."""
    value = _raw(name)
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r}: expected a whole number") from error
    if minimum is not None and number < minimum:
        raise ImproperlyConfigured(f"{name}={number}: expected at least {minimum}")
    return number


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without blanks."""
    return [word.strip() for word in str(text(name, default)).split(",") if word.strip()]


def database(
    url: str, *, name: str, settings: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return Django's settings of one PostgreSQL database from its URL.

    settings: what every connection starts with; ``role`` takes a database role (``SET ROLE``), for
    servers on which the processes share one login. Raises for any engine but PostgreSQL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"{name}: only postgresql:// is supported, not {parts.scheme}://"
        )
    if not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name}: the database's name is missing")
    options: dict[str, object] = {"application_name": "powerwatch"}
    if settings:
        options["options"] = " ".join(f"-c {key}={value}" for key, value in settings.items())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def days(name: str) -> frozenset[date]:
    """Return the dates of a comma-separated list such as ``2026-10-01,2026-10-02``."""
    try:
        return frozenset(date.fromisoformat(word) for word in words(name))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: expected dates like 2026-10-01") from error
