"""The same for many files of a batch. Each has a transaction of its own, so that nobody waits for more than one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from datasets.models import DiagnosisGroup
from intake.models import UploadedFile
from intake.services.changes import update_file
from intake.services.errors import IntakeError
from intake.services.withdrawing import withdraw


@dataclass
class Done:
    """How many files it was done to; `refused` are the others with the words why not."""

    count: int = 0
    refused: list[tuple[UploadedFile, str]] = field(default_factory=list)


def describe_files(files: Iterable[UploadedFile], *, user: Any, group: DiagnosisGroup) -> Done:
    """Says the diagnosis of files that have no verdict yet; those that waited for it go on to the curators."""
    return _each(files, lambda file: update_file(file, user=user, group=group, demographics={}))


def withdraw_files(files: Iterable[UploadedFile], *, user: Any) -> Done:
    """Takes back those that can be taken back."""
    return _each(files, lambda file: withdraw(file, user))


def _each(files: Iterable[UploadedFile], act: Callable[[UploadedFile], object]) -> Done:
    done = Done()
    for file in files:
        try:
            act(file)
        except IntakeError as error:
            done.refused.append((file, str(error)))
        else:
            done.count += 1
    return done
