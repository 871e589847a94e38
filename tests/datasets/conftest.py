import pytest
from django.conf import LazySettings

from tests.datasets.library import Library
from tests.people import People


@pytest.fixture(autouse=True)
def quick_passwords(settings: LazySettings) -> None:
    """These tests make hundreds of people, and a real hash takes half a second of a processor for each."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def library(people: People) -> Library:
    return Library(people)
