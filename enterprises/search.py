"""Finding enterprises by what somebody types: the list, the API and every other door ask here.

Apps above add what they know by number from their ``AppConfig.ready`` (``add_numbers``), so that an
MN finds its enterprise without this app knowing of collectors.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from common.lookups import as_pattern
from enterprises.models import Enterprise, Facility

#: Shorter words are no MN and no meter's number, and no name of one facility.
SHORTEST_NUMBER, SHORTEST_FACILITY = 4, 2

#: Take a number as typed and return queries, each of one column with enterprises' keys.
Numbers = Callable[[str], Iterable[QuerySet[Any, Any]]]
_NUMBERS: dict[str, Numbers] = {}


def add_numbers(name: str, numbers: Numbers) -> None:
    """Add a kind of number by which enterprises are found; adding it again replaces it."""
    _NUMBERS[name] = numbers


def sites_with(words: str) -> RawSQL:
    """Return the sites in sight, one of whose facilities has the words in its name; as a subquery.

    Asked of ``powerwatch.key_map``: by its trigram index, which no walled table can use.
    """
    return RawSQL("SELECT tenancy_find_sites(%s)", [as_pattern(words)])


def find_by_words(queryset: QuerySet[Enterprise], text: str) -> QuerySet[Enterprise]:
    """Narrow to a name, its pinyin or initials, number, credit code, MN, facility or meter.

    Each part is a query of its own by its own index, and all are one subquery; as conditions with
    OR over the tables they would be worked out for every enterprise. Nothing typed: unchanged.
    """
    words = text.strip()
    if not words:
        return queryset
    upper, lower = words.upper(), words.lower().replace(" ", "")
    own = Q(name__ilike=words) | Q(code__ilike=words) | Q(credit_code__startswith=upper)
    if lower.isascii():
        own |= Q(name_pinyin__contains=lower) | Q(name_initials__contains=lower)
    parts: list[QuerySet[Any, Any]] = []
    if len(words) >= SHORTEST_NUMBER and words.isascii():
        for numbers in _NUMBERS.values():
            parts += numbers(words)
    # A facility only where nothing else is meant.
    may_be_facility = len(words) >= SHORTEST_FACILITY and not words.isascii()
    if may_be_facility and not queryset.filter(own).exists():
        facilities = Facility.objects.filter(name__ilike=words, site__in=sites_with(words))
        parts.append(facilities.values("site__enterprise"))
    if not parts:
        return queryset.filter(own)
    found = Enterprise.objects.filter(own).order_by().values("pk").union(*parts, all=True)
    return queryset.filter(pk__in=found)
