import pytest

from tests.datasets.library import Library
from tests.people import People


@pytest.fixture
def library(people: People) -> Library:
    return Library(people)
