"""What the work of a stage comes to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from intake.models import Stage, UploadedFile


@dataclass(frozen=True)
class Outcome:
    """`result` goes to the record of the run; `apply` changes the locked row, which the caller saves; `then` is where
    the row goes, if not to the next stage."""

    result: dict[str, Any]
    apply: Callable[[UploadedFile], None]
    then: Stage | None = None
