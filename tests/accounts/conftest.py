from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from portal.celery import app

# pytest-django's fixture: runs what waits for the commit when the block ends.
Commit = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Commit) -> Iterator[Commit]:
    """`with committing():` the mails that the block wants to send are written and sent when it ends."""
    before, app.conf.task_always_eager = app.conf.task_always_eager, True
    yield lambda: django_capture_on_commit_callbacks(execute=True)
    app.conf.task_always_eager = before
