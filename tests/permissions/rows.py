"""The form of a row of the permission matrix: one route, one method, what each kind of person gets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.world import World

PERSONS = (
    "anonymous",
    "researcher",
    "granted",
    "expired",
    "hospital",
    "other_hospital",
    "curator",
    "manager",
    "reviewer",
)
# A row that names no answer for the reviewer, who decides about the dataset's requests and may do nothing else, gives
# that of a researcher who has no access either.
LIKE_RESEARCHER = PERSONS.index("researcher")


def nothing(world: World) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Row:
    """`expect` names the answers in the order of PERSONS: a status code, or `login` for the way to the log-in page.

    A single word stands for everybody, and eight leave the reviewer out: see LIKE_RESEARCHER. POST rows send `data` as
    a form (pages) or as JSON (routes of the API)."""

    route: str
    expect: str
    method: str = "GET"
    args: Callable[[World], dict[str, Any]] = nothing
    data: Callable[[World], dict[str, Any]] = nothing
    format: str | None = None  # of API rows: "json" (default) or "multipart"

    def expected(self) -> dict[str, str]:
        words = self.expect.split()
        if len(words) == 1:
            words *= len(PERSONS)
        elif len(words) == len(PERSONS) - 1:
            words.append(words[LIKE_RESEARCHER])
        return dict(zip(PERSONS, words, strict=True))
