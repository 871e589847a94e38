"""The order in which files of tests are handed to the processes (a pytest plugin).

Files that start a portal or its parts wait most of their time. Left to the end they would wait alone; all at once they
would starve each other. So every third file is one of them, from the start.
"""

from itertools import groupby

import pytest

_WAITING = (
    "tests/faults/",
    "tests/e2e/",
    "tests/client/",
    "tests/portal/test_serve",
    "tests/intake/test_listener",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = [list(tests) for _file, tests in groupby(items, key=lambda item: item.nodeid.partition("::")[0])]
    waiting = [tests for tests in files if tests[0].nodeid.startswith(_WAITING)]
    others = [tests for tests in files if not tests[0].nodeid.startswith(_WAITING)]
    ordered = []
    while waiting or others:
        ordered += waiting[:1] + others[:2]
        del waiting[:1], others[:2]
    items[:] = [test for tests in ordered for test in tests]
