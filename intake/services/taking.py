"""Taking over what one request brought: files sealed on arrival, with one description for all or a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from datasets.models import DiagnosisGroup
from intake.models import UploadBatch, UploadedFile
from intake.services.errors import IntakeError
from intake.services.receiving import receive_file
from intake.services.tabling import Plan, apply_table, plan_table
from intake.tables import Problem
from intake.tables.columns import CLASS, FILENAME
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
    arriving = [str(upload.name) for upload in uploads]
    if table is None:
        if group is None:
            words = _("Choose a diagnosis for these files, or add a table that names it.")
            taken.problems.append(Problem(0, CLASS, words))
    else:
        taken.problems.extend(_problems(plan_table(batch, table, arriving), group))
        if not taken.problems:
            taken.problems.extend(apply_table(batch, table, user=user, arriving=arriving, replace=False).problems)
    if taken.problems:
        return taken
    for upload in uploads:
        name = str(upload.name)
        if upload.sealed is None:
            taken.refused.append((name, str(upload.refusal)))
            continue
        try:
            file = receive_file(
                batch=batch,
                user=user,
                name=name,
                sealed=upload.sealed,
                group=group,
                demographics=demographics,
                patient_key=patient_key,
            )
        except IntakeError as error:
            taken.refused.append((name, str(error)))
        else:
            taken.files.append((name, file))
    return taken


def _problems(plan: Plan, group: DiagnosisGroup | None) -> list[Problem]:
    """What does not fit between the files of a request and the table that came with them, in the order of its rows:
    here each row has its file, and without a `group` for all each file has its row and its class."""
    table = plan.table
    if not table.columns:
        return table.problems
    told = {problem.row for problem in table.problems}
    arriving = {said.row for said in plan.arriving.values() if said is not None}
    for said in table.rows:
        if said.uid or said.row in told:
            continue
        if said.row not in arriving and said.row not in plan.files:
            table.problem(said.row, FILENAME, _("No file of this name was sent: {name}").format(name=said.name))
        elif said.group is None and group is None and said.row in arriving:
            table.problem(said.row, CLASS, _("The class is missing, and none was chosen for all files."))
    if group is None and not any(said.uid for said in table.rows):
        for name, found in plan.arriving.items():
            if found is None:
                words = _("The table has no row for this file: {name}").format(name=name)
                table.problem(0, FILENAME, words)
    return sorted(table.problems, key=lambda problem: problem.row)
