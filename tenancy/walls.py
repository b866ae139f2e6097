"""Entering the walls: for whose eyes the database shows rows, until the transaction ends.

The policies themselves stand in ``powerwatch.walls``; what an actor may see is worked out in SQL by
``tenancy_enter`` from the grants in force. Everything here is a *transaction-local* setting: a
pooled connection goes back without a trace. Where nobody has entered, a web process sees no rows.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction

from tenancy.models import User

T = TypeVar("T")
Actor = User | AnonymousUser | None

#: The settings as they were, as ``tenancy_enter`` gave them; only ``restore`` reads it.
Kept = str


def enter(user: Actor, *, audit: Mapping[str, Any] | None = None) -> Kept:
    """Let the open transaction see and write what the user may, and nothing for nobody.

    ``audit`` is what the triggers write beside each change: ``actor_id``, ``actor_name``, ``body``,
    ``address``, ``session``, ``request``. Returns what ``restore`` needs. One query. Raises
    ``TransactionManagementError`` outside a transaction, where it would last for nothing.
    """
    known = user if isinstance(user, User) else None
    told = {"actor_id": known.pk, "actor_name": str(known)} if known else {}
    return _call(
        "SELECT tenancy_enter(%s, %s)::text", [known and known.pk, _dump(told | dict(audit or {}))]
    )


def enter_system(reason: str) -> Kept:
    """Let the open transaction see every row; ``reason`` goes into the audit setting."""
    if not reason:
        raise ValueError("a reason is needed to look over the walls")
    return _call("SELECT tenancy_enter_system(%s)::text", [_dump({"system": reason})])


def restore(kept: Kept) -> None:
    """Put the settings back to what they were before ``enter``."""
    _call("SELECT tenancy_restore(%s)::text", [kept])


def set_audit(audit: Mapping[str, Any]) -> None:
    """Set anew what the triggers write beside each change, until the transaction ends."""
    _call("SELECT set_config('powerwatch.audit', %s, true)", [_dump(audit)])


class entered:
    """A transaction (a savepoint in an open one) in which somebody has entered.

    At its end the scope is what it was before. Unlike a generator it can be ended early, with the
    error that ended it, as the middleware does.
    """

    def __init__(
        self,
        user: Actor = None,
        *,
        audit: Mapping[str, Any] | None = None,
        system: str | None = None,
    ) -> None:
        self._user, self._audit, self._system = user, audit, system
        self.is_open = False

    def __enter__(self) -> "entered":
        # Where no transaction is open the settings end with ours.
        self._nested = connection.in_atomic_block
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        try:
            if self._system is not None:
                self._kept = enter_system(self._system)
            else:
                self._kept = enter(self._user, audit=self._audit)
        except BaseException as error:
            self._atomic.__exit__(type(error), error, error.__traceback__)
            raise
        self.is_open = True
        return self

    def close(self, error: BaseException | None = None) -> None:
        """End early; with an error everything is rolled back."""
        self.__exit__(type(error) if error else None, error, None)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Literal[False]:
        if not self.is_open:
            return False
        self.is_open = False
        # A rollback takes the settings back with everything else.
        if self._nested and error is None and not connection.needs_rollback:
            restore(self._kept)
        self._atomic.__exit__(kind, error, trace)
        return False


@contextmanager
def acting_for(user: Actor, *, audit: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Do something as a person outside their request: a task, an export, a mail.

    A transaction of its own, or a savepoint in an open one; afterwards the scope is as before.
    """
    with entered(user, audit=audit):
        yield


@contextmanager
def as_system(reason: str) -> Iterator[None]:
    """Look over the walls for what cannot be done within one person's sight; say why.

    A transaction of its own, or a savepoint in an open one; afterwards the scope is as before.
    What is read here must not reach a page without being held against ``visible_to``.
    """
    with entered(system=reason):
        yield


def streamed_for(user: Actor, chunks: Iterable[T]) -> Iterator[T]:
    """Yield what a streaming response sends, read as the user.

    A streaming response is sent after its request's transaction has ended; without this it sees
    nothing. The transaction stays open until the last chunk or until the client goes away.
    """
    with entered(user):
        yield from chunks


def _dump(audit: Mapping[str, Any]) -> str:
    return json.dumps(audit, ensure_ascii=False)


def _call(sql: str, params: list[Any]) -> str:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("the walls are entered in a transaction")
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return str(cursor.fetchone()[0])
