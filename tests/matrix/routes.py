"""Every route that the project answers, found by walking the URL configuration.

``walk`` knows nothing of what is expected; ``tests/matrix/expectations.py`` says it for each name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True, slots=True)
class Found:
    """A route: its name with namespaces (or its pattern where it has none) and its arguments."""

    name: str
    pattern: str
    arguments: tuple[str, ...]

    @property
    def is_admin(self) -> bool:
        return self.name.startswith("admin:")


def walk() -> list[Found]:
    """Return every route, by name and pattern."""
    return sorted(_walk(get_resolver(), "", ""), key=lambda found: (found.name, found.pattern))


def _walk(resolver: URLResolver, namespace: str, prefix: str) -> Iterator[Found]:
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry, inner, pattern)
        elif isinstance(entry, URLPattern):
            arguments = tuple(re.findall(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>", pattern))
            names = tuple(first or second for first, second in arguments)
            yield Found(f"{namespace}{entry.name or pattern}", pattern, names)
