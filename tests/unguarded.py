"""The audit table refuses to be emptied, and tests that commit have their database emptied after them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations

from audit.triggers import guard_stands, lower_guard, raise_guard


@contextmanager
def unguarded() -> Iterator[None]:
    """What somebody does who owns the database: the triggers are away for the moment."""
    stood = guard_stands(connection)
    lower_guard(connection)
    yield
    if stood:
        raise_guard(connection)


_flush = BaseDatabaseOperations.execute_sql_flush


def _unguarded_flush(self: BaseDatabaseOperations, sql_list: list[str]) -> Any:
    with unguarded():
        return _flush(self, sql_list)


def let_tests_flush() -> None:
    """Tests alone empty the database: the program and its `flush` command stay without a way around the triggers."""
    BaseDatabaseOperations.execute_sql_flush = _unguarded_flush  # type: ignore[method-assign]
