"""How many statements a page costs, counted as a request of production pays them.

Counted is every statement that the page sends: those of the walls (``tenancy_enter``, and the body
for the audit log), session, person and grants (one more for an operator: the sites that are
assigned), the entry of a look, and what the page itself asks. Not counted is what only a test pays:
it has a transaction open around the request, so that the request's own becomes a savepoint with its
release, and the walls are put back (``tenancy_restore``) instead of ending with the transaction.

Issue 3 asks for at most ``MOST``, whatever the number of rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

MOST = 12
_OF_THE_TEST = ("SAVEPOINT", "RELEASE SAVEPOINT", "SELECT TENANCY_RESTORE(")


class Statements(list[str]):
    """The statements that count, filled when the block ends."""


@contextmanager
def counted() -> Iterator[Statements]:
    """Collect the statements of one request, as production would send them."""
    found = Statements()
    with CaptureQueriesContext(connection) as captured:
        yield found
    found.extend(
        sql
        for one in captured.captured_queries
        if not (sql := one["sql"].strip()).upper().startswith(_OF_THE_TEST)
    )
