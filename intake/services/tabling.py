"""A whole table for a batch: what it would do (a dry run), and doing it.

A table speaks of files that are there and of files that still come. With any problem nothing of it is taken; what is
only worth knowing are notes. Doing it is one transaction, planned anew within it, so that a file that arrives meanwhile
is seen by the one or the other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audit.services import record
from datasets.models import Radiograph
from intake import descriptions, names, tables
from intake.keys import KeyMissing
from intake.models import DescriptionRow, Stage, UploadBatch, UploadedFile
from intake.services.changes import change, go_on, moves_on
from intake.services.duplicates import TURNED_AWAY
from intake.services.patients import Identity, identify_many
from intake.services.publishing import publish_age_on_commit
from intake.services.radiographs import describe_accepted_row
from intake.services.receiving import DEMOGRAPHICS
from intake.tables import Described, Problem, paths
from intake.tables.columns import AGE, BORN, CLASS, FILENAME, PATIENT, SEX

MAX_NOTES = 200
_CHUNK = 500
_KNOWN = ("stage", "sealed_name", "facts", "instance_hash", "patient_key_hash", "purged_at", "group_id", *DEMOGRAPHICS)


@dataclass
class Plan:
    """What a table does. `files`: those that are there, by row number; `arriving`: the rows of the names that are on
    their way with it, by name as given, None for those of which no row speaks."""

    batch: UploadBatch
    table: tables.Table
    notes: list[Problem] = field(default_factory=list)
    files: dict[int, UploadedFile] = field(default_factory=dict)
    arriving: dict[str, Described | None] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    undescribed: int = 0
    changed: int = 0
    applied: bool = False

    @property
    def problems(self) -> list[Problem]:
        return self.table.problems

    @property
    def row_count(self) -> int:
        return len(self.table.rows)

    @property
    def file_count(self) -> int:
        """Files that are there and that a row describes."""
        return len(self.files)

    @property
    def waiting(self) -> int:
        """Rows whose file is still to come."""
        return len(self.table.rows) - len(self.files)

    def note(self, row: int, column: str, message: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(Problem(row, self.table.columns.get(column, column), message))


def plan_table(batch: UploadBatch, content: bytes, arriving: Sequence[str] = ()) -> Plan:
    """What the table would do; changes nothing. `arriving` are the names of files that come together with it."""
    plan = Plan(batch, tables.read(content, batch.dataset.groups.all()))
    if not plan.table.columns:
        return plan
    _match(plan, arriving)
    try:
        keys = {said.patient_key for said in plan.table.rows if said.patient_key}
        plan.identities = identify_many(batch.hospital_id, batch.hospital.number, keys)
    except KeyMissing as missing:
        plan.table.problem(0, PATIENT, str(missing))
    for said in plan.table.rows:
        if said.row in plan.files:
            _check(plan, said, plan.files[said.row])
    plan.problems.sort(key=lambda problem: problem.row)
    return plan


def _open_files(batch: UploadBatch) -> QuerySet[UploadedFile]:
    gone = Q(stage=Stage.ACCEPTED) & ~Q(radiograph__status=Radiograph.Status.ACCEPTED)
    return batch.files.exclude(stage__in=[*TURNED_AWAY, Stage.UNPACKED]).exclude(gone).order_by("pk")


def _match(plan: Plan, arriving: Sequence[str]) -> None:
    """Finds the file of each row and the row of each arriving name."""
    rows = plan.table.rows
    shared = paths.shared(said.path for said in rows if said.path)
    by_end: dict[paths.Path, list[Described]] = defaultdict(list)
    by_name: dict[str, list[Described]] = defaultdict(list)
    by_uid: dict[str, Described] = {}
    for said in rows:
        if said.uid:
            hashes = descriptions.instance_hashes(plan.batch.hospital_id, said.uid)
            by_uid.update(dict.fromkeys(hashes, said))
        else:
            by_end[said.path[shared:]].append(said)
            by_name[said.path[-1]].append(said)

    def ends(wanted: Iterable[paths.Path]) -> list[Described]:
        return [said for end in wanted for said in by_end.get(end, ())]

    def of_path(name: str) -> Described | None:
        try:
            return paths.choose(paths.path(name), lambda said: said.path, ends, lambda last: by_name.get(last, ()))
        except paths.Several:
            words = _("Several rows fit this file: {name}. Write the folders as they were sent.").format(name=name)
            plan.table.problem(0, FILENAME, words)
            return None

    names_of: dict[int, list[str]] = defaultdict(list)
    for file in _open_files(plan.batch).only(*_KNOWN).iterator(chunk_size=_CHUNK):
        name = names.reveal(file.sealed_name)
        found = by_uid.get(file.instance_hash) if file.instance_hash else None
        found = found or of_path(name)
        if found is not None:
            plan.files[found.row] = file
            names_of[found.row].append(name)
        elif file.stage == Stage.DESCRIBE or file.group_id is None:
            plan.undescribed += 1
    for name in arriving:
        plan.arriving[name] = found = of_path(name)
        if found is not None:
            names_of[found.row].append(name)
    for said in rows:
        if len(names_of[said.row]) > 1:
            words = _("Several files of this name were sent: {name}. Write the folder before it.")
            plan.table.problem(said.row, FILENAME, words.format(name=said.name or said.uid))


def _check(plan: Plan, said: Described, file: UploadedFile) -> None:
    """What stands in the way of describing a file that is there, or is worth knowing."""
    accepted = file.stage == Stage.ACCEPTED
    identity = plan.identities.get(said.patient_key)
    if accepted and said.group is not None and said.group.pk != file.group_id:
        words = _("This file was accepted with another diagnosis. Leave the cell empty, and tell the data manager.")
        plan.table.problem(said.row, CLASS, words)
    if identity is not None and identity.key_hash != file.patient_key_hash:
        if accepted:
            plan.note(said.row, PATIENT, _("This file was accepted already: its patient stays as it is."))
        elif file.purged_at is not None:
            words = _("The original was destroyed, so the file cannot be given to another patient.")
            plan.table.problem(said.row, PATIENT, words)
    if said.born is not None and file.stage != Stage.INSPECT:
        # A file that was set aside before anything was found may still have its date; a worker looks.
        if file.facts and file.facts.get("format") != "dicom":
            words = _("This file gives no date of the examination. Add the column examination_date, or write the age.")
            plan.table.problem(said.row, BORN, words)
        elif file.purged_at is not None:
            words = _("The original was destroyed. Add the column examination_date, or write the age.")
            plan.table.problem(said.row, BORN, words)
    sex, age = file.facts.get("sex"), file.facts.get("age")
    if sex and said.demographics.get(SEX, sex) != sex:
        plan.note(said.row, SEX, _("The file's header says {value}.").format(value=sex))
    if age is not None and abs(said.demographics.get(AGE, age) - age) > 1:
        plan.note(said.row, AGE, _("The file's header says {value}.").format(value=age))


def apply_table(
    batch: UploadBatch, content: bytes, *, user: Any, arriving: Sequence[str] = (), replace: bool = True
) -> Plan:
    """Does what the table says, all of it or, with any problem, nothing. Rows of an earlier table that wait for their
    files make room for the new one's with `replace`; without it, only where both speak of the same file. Raises
    IntakeError where an original was destroyed in this very moment."""
    with transaction.atomic():
        # Who adds a file to the batch waits here, or we for them: PostgreSQL locks the batch that a new row points to.
        locked = UploadBatch.objects.select_for_update(of=("self",)).select_related("hospital", "dataset")
        plan = plan_table(locked.get(pk=batch.pk), content, arriving)
        if plan.problems:
            return plan
        changed = _describe(plan, user)
        _keep_rows(plan, replace)
        counts = {"rows": len(plan.table.rows), "files": len(plan.files), "changed": changed}
        record("table.applied", actor=user, about=batch, **counts)
    plan.changed = sum(changed.values())
    plan.applied = True
    return plan


def _describe(plan: Plan, user: Any) -> dict[str, int]:
    """Changes the files that are there; returns how many by stage."""
    said_of = {plan.files[said.row].pk: said for said in plan.table.rows if said.row in plan.files}
    ids = sorted(said_of)
    changed: dict[str, int] = defaultdict(int)
    accepted: list[UploadedFile] = []
    for start in range(0, len(ids), _CHUNK):
        rows = UploadedFile.objects.select_for_update(of=("self",)).filter(pk__in=ids[start : start + _CHUNK])
        simple: list[UploadedFile] = []
        for row in rows.select_related("radiograph").order_by("pk"):
            said = said_of[row.pk]
            if row.stage == Stage.ACCEPTED:
                accepted.append(row)
                continue
            identity = plan.identities.get(said.patient_key)
            stage = row.stage
            what = change(row, group=said.group, demographics=said.demographics, identity=identity)
            if not what:
                continue
            changed[stage] += 1
            if moves_on(row, what):
                go_on(row, what)
            else:
                simple.append(row)
        fields = ["group", "patient_key_hash", "patient_key_id", *DEMOGRAPHICS]
        UploadedFile.objects.bulk_update(simple, fields, batch_size=100)
    # Last, because from its first entry on the audit trail is locked, and workers wait for it with a file in hand.
    for row in accepted:
        if describe_accepted_row(row, said_of[row.pk].demographics, user=user):
            changed[Stage.ACCEPTED] += 1
    return dict(changed)


def _keep_rows(plan: Plan, replace: bool) -> None:
    batch, said_rows = plan.batch, plan.table.rows
    _forget(plan, replace)
    shared = paths.shared(said.path for said in said_rows if said.path) if replace else 0
    new = []
    for said in said_rows:
        file = plan.files.get(said.row)
        row = descriptions.new_row(batch, said, shared, file)
        if (identity := plan.identities.get(said.patient_key)) is not None:
            row.patient_key_hash, row.patient_key_id = identity
        if file is not None:
            row.state = DescriptionRow.State.DATE if said.born is not None else DescriptionRow.State.DONE
        new.append(row)
    for row in DescriptionRow.objects.bulk_create(new, batch_size=_CHUNK):
        if row.state == DescriptionRow.State.DATE and row.file is not None and row.file.stage != Stage.INSPECT:
            publish_age_on_commit(row.pk)


def _forget(plan: Plan, replace: bool) -> None:
    """Removes the rows of earlier tables that the new one stands for."""
    rows = plan.batch.descriptions.all()
    described = [file.pk for file in plan.files.values()]
    if replace:
        rows.filter(Q(file=None) | Q(file__stage__in=TURNED_AWAY)).delete()
        for start in range(0, len(described), _CHUNK):
            rows.filter(file__in=described[start : start + _CHUNK]).delete()
        return
    same = Q(file__in=described)
    for said in plan.table.rows:
        if said.uid:
            same |= Q(uid_hash__in=descriptions.instance_hashes(plan.batch.hospital_id, said.uid))
        else:
            wanted = rows.filter(name_hash__in=descriptions.path_hashes(plan.batch.pk, said.path[-1:]))
            same |= Q(pk__in=[row.pk for row in wanted if descriptions.path_of(row) == said.path])
    rows.filter(same).delete()
