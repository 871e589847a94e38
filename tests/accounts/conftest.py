from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import LazySettings

from portal.celery import app

# pytest-django's fixture: runs what waits for the commit when the block ends.
Commit = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def quick_passwords(settings: LazySettings) -> None:
    """Nobody attacks these accounts: a slow hash per person would be most of the tests' time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Commit) -> Iterator[Commit]:
    """`with committing():` the mails that the block wants to send are written and sent when it ends."""
    before, app.conf.task_always_eager = app.conf.task_always_eager, True
    yield lambda: django_capture_on_commit_callbacks(execute=True)
    app.conf.task_always_eager = before
