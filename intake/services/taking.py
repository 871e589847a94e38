"""Taking over what one request brought: files sealed on arrival, with one description for all or a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from datasets.models import DiagnosisGroup
from intake import tables
from intake.models import UploadBatch, UploadedFile
from intake.services.errors import IntakeError
from intake.services.receiving import receive_file
from intake.tables import Problem, paths
from intake.uploadhandler import SealedUpload


@dataclass
class Taken:
    """What became of a request. With `problems` nothing was taken; `refused` are (file name, words) of single files."""

    files: list[tuple[str, UploadedFile]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def take_files(
    *,
    batch: UploadBatch,
    user: Any,
    uploads: Sequence[SealedUpload],
    group: DiagnosisGroup | None,
    demographics: Mapping[str, Any] | None = None,
    patient_key: str = "",
    table: bytes | None = None,
) -> Taken:
    """Takes every upload that can be taken. A row of the table goes before what was said for all; a table with any
    problem stops the whole request, so that nothing is taken with a wrong description."""
    taken = Taken()
    described = _described(batch, uploads, group, table, taken.problems)
    if taken.problems:
        return taken
    for upload in uploads:
        name = str(upload.name)
        own = described.get(paths.path(name)[-1:])
        chosen = own.group if own is not None and own.group is not None else group
        if upload.sealed is None or chosen is None:
            taken.refused.append((name, str(upload.refusal)))
            continue
        try:
            file = receive_file(
                batch=batch,
                user=user,
                name=name,
                sealed=upload.sealed,
                group=chosen,
                demographics={**(demographics or {}), **(own.demographics if own is not None else {})},
                patient_key=(own.patient_key if own is not None else "") or patient_key,
            )
        except IntakeError as error:
            taken.refused.append((name, str(error)))
        else:
            taken.files.append((name, file))
    return taken


def _described(
    batch: UploadBatch,
    uploads: Sequence[SealedUpload],
    group: DiagnosisGroup | None,
    content: bytes | None,
    problems: list[Problem],
) -> dict[paths.Path, tables.Described]:
    """The table's rows by file name; adds to `problems` what does not fit between the table and the files."""
    if content is None:
        if group is None:
            problems.append(Problem(0, "class", _("Choose a diagnosis for these files, or add a table that names it.")))
        return {}
    table = tables.read(content, batch.dataset.groups.all())
    problems.extend(table.problems)
    # A table that cannot be read says nothing of the files.
    if any(problem.row < 2 for problem in table.problems):
        return {}
    told = {(problem.row, problem.column) for problem in table.problems}
    counted = Counter(paths.path(str(upload.name))[-1:] for upload in uploads)
    files = {row.path[-1:]: row for row in table.rows}
    for key, row in files.items():
        name = row.name
        if not counted[key]:
            problems.append(Problem(row.row, "filename", _("No file of this name was sent: {name}").format(name=name)))
        elif counted[key] > 1:
            words = _("Several files of this name were sent: {name}").format(name=name)
            problems.append(Problem(row.row, "filename", words))
        elif row.group is None and group is None and (row.row, "class") not in told:
            problems.append(Problem(row.row, "class", _("The class is missing, and none was chosen for all files.")))
    if group is None:
        for (name,) in counted.keys() - files.keys():
            problems.append(Problem(0, "filename", _("The table has no row for this file: {name}").format(name=name)))
    problems.sort(key=lambda problem: problem.row)
    return files
