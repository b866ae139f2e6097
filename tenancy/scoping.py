"""The one door: every model whose rows belong to an enterprise is read through ``visible_to``.

    class AlertQuerySet(ScopedQuerySet["Alert"]):
        reach = Reach(county="county", enterprise="enterprise", assigned="enterprise")

``reach`` says by which lookups a row finds its county, its enterprise and, if an operator may see
it, its site. The row-level security of the database repeats the same scope from the grants
themselves, so that a view that forgot the door still shows nothing foreign. ``tests/matrix`` takes
each door away in turn and must notice.
"""

from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models

from tenancy.access import Scope, get_scope
from tenancy.models import User

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Reach:
    """Lookups from a row to its county, its enterprise's key and its site's key.

    ``assigned``: the lookup to the enterprise's key for rows that an operator may see because one
    site of the enterprise is assigned.
    """

    county: str
    enterprise: str
    site: str = ""
    assigned: str = ""

    @classmethod
    def through(cls, path: str, *, to: str) -> "Reach":
        """Return the reach over a foreign key path to a ``site`` or an ``enterprise``.

        Through an enterprise rows are not opened to operators; give ``assigned`` for that.
        """
        if to == "site":
            return cls(f"{path}__enterprise__county", f"{path}__enterprise", site=path)
        return cls(f"{path}__county", path)


class ScopedQuerySet(models.QuerySet[M]):
    """A queryset with the door; subclasses name their ``reach``."""

    reach: ClassVar[Reach]

    def visible_to(self, actor: User | AnonymousUser) -> Self:
        """Return the rows that the actor may see; none without a grant."""
        return self.within(get_scope(actor))

    def within(self, scope: Scope) -> Self:
        """Return the rows within a scope that was read before."""
        condition = scope.condition(
            county=self.reach.county,
            enterprise=self.reach.enterprise,
            site=self.reach.site,
            assigned=self.reach.assigned,
        )
        return self.none() if condition is None else self.filter(condition)
