"""What a batch's table says of a file is put on the file's row: when it arrives, by its name or path; at inspection, by
its SOP Instance UID; and where there is only a date of birth, as soon as the header has said the date of the
examination. The date of birth is then dropped."""

from dataclasses import replace
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.services import record
from datasets.models import DiagnosisGroup
from imaging.formats import Refused, age_on, date_taken
from intake import descriptions
from intake.descriptions import Content
from intake.models import FINAL_STAGES, DescriptionRow, Stage, UploadedFile
from intake.quarantine import Damaged, open_original, workspace
from intake.services.duplicates import TURNED_AWAY
from intake.services.moves import move
from intake.services.publishing import publish_age
from intake.services.radiographs import describe_accepted_row
from intake.tables import paths

State = DescriptionRow.State
WAITING_SECONDS = 60  # how long the task of an age may be on its way
MOST_AT_ONCE = 1000


def describe_arrival(file: UploadedFile, name: str) -> None:
    """Puts on a file that was just saved, within the same transaction, what the table says of its name or path."""
    path = paths.path(name)
    try:
        found = descriptions.for_path(file.batch_id, path)
    except paths.Several:
        return
    if found is None:
        return
    # Files before rows: workers lock in this order too.
    earlier = UploadedFile.objects.select_for_update().filter(pk=found.file_id).first() if found.file_id else None
    row = DescriptionRow.objects.select_for_update().filter(pk=found.pk).first()
    said = descriptions.content(row) if row is not None else None
    if row is None or said is None or row.file_id != found.file_id:
        return
    again = earlier is not None and earlier.stage not in TURNED_AWAY
    if again and earlier is not None and (paths.path(said.came_as) != path or _other_bytes(earlier, file)):
        # Which of the two is meant nobody knows; neither is to go on with what may be the other one's diagnosis.
        DescriptionRow.objects.filter(pk=row.pk).update(state=State.SEVERAL)
        _hold(earlier)
        return
    _put(file, row, said)
    file.save(update_fields=["group", "sex", "age", "smoke", "smoke_packyears", "patient_key_hash", "patient_key_id"])
    if not again:
        row.file = file
        row.sealed = replace(said, came_as=name).seal()
        row.state = State.DATE if said.born else State.DONE
        row.save()


def _other_bytes(one: UploadedFile, other: UploadedFile) -> bool:
    return bool(one.sha256 and other.sha256 and one.sha256 != other.sha256)


def _hold(file: UploadedFile) -> None:
    """Takes the diagnosis from the (locked) row of a file that has no verdict yet."""
    if file.stage in FINAL_STAGES:
        return
    file.group = None
    if file.stage == Stage.CURATE:
        move(file, Stage.DESCRIBE)
    else:
        file.save(update_fields=["group"])


def _put(file: UploadedFile, row: DescriptionRow, said: Content) -> None:
    if said.class_id is not None:
        groups = DiagnosisGroup.objects.filter(dataset_id=file.batch.dataset_id, class_id=said.class_id)
        file.group = groups.first() or file.group
    for field, value in said.demographics.items():
        setattr(file, field, value)
    if row.patient_key_hash:
        file.patient_key_hash, file.patient_key_id = row.patient_key_hash, row.patient_key_id


def describe_inspected(file: UploadedFile, uid: str | None, taken_on: date | None) -> None:
    """Puts on the (locked) row of a file what the table says of its SOP Instance UID, and the age where it said a date
    of birth. The caller saves the row; it lets the header fill gaps afterwards."""
    if uid:
        hashes = descriptions.instance_hashes(file.hospital_id, uid)
        rows = DescriptionRow.objects.select_for_update(of=("self",)).filter(batch_id=file.batch_id)
        row = rows.filter(uid_hash__in=hashes).select_related("file").first()
        said = descriptions.content(row) if row is not None else None
        # A file that is inspected once more keeps what people changed meanwhile.
        free = row is not None and (row.file is None or (row.file_id != file.pk and row.file.stage in TURNED_AWAY))
        if row is not None and said is not None and free:
            _put(file, row, said)
            row.file = file
            row.state = State.DATE if said.born else State.DONE
            row.save()
    for row in DescriptionRow.objects.select_for_update().filter(file=file, state=State.DATE):
        age = _settle(row, taken_on)
        file.age = age if age is not None else file.age


def _settle(row: DescriptionRow, taken_on: date | None) -> int | None:
    """The age on that day; the date of birth is dropped either way."""
    said = descriptions.content(row)
    age = age_on(said.born, taken_on) if said is not None else None
    row.state = State.DONE if age is not None else State.UNDATED
    if said is not None:
        row.sealed = said.without_birth().seal()
    row.save(update_fields=["state", "sealed"])
    return age


def work_out_age(row_id: int) -> None:
    """Reads the date of the examination from the original of a file that was inspected before its table came."""
    row = DescriptionRow.objects.select_related("file").filter(pk=row_id, state=State.DATE).first()
    if row is None or row.file is None or row.file.stage == Stage.INSPECT:
        return
    taken_on = None
    if row.file.purged_at is None:
        with workspace(row.file.pk) as work:
            try:
                open_original(row.file.pk, row.file.sha256, work / "original")
                taken_on = date_taken(work / "original")
            except (Damaged, Refused):
                pass
    with transaction.atomic():
        file = UploadedFile.objects.select_for_update(of=("self",)).select_related("radiograph").get(pk=row.file.pk)
        locked = DescriptionRow.objects.select_for_update().filter(pk=row_id, state=State.DATE).first()
        if locked is None:
            return
        age = _settle(locked, taken_on)
        if age is None or age == file.age:
            return
        if file.stage == Stage.ACCEPTED:
            describe_accepted_row(file, {"age": age}, user=None)
        elif file.stage not in FINAL_STAGES:
            file.age = age
            file.save(update_fields=["age"])
            record("file.edited", about=file, fields=["age"])


def publish_lost_ages() -> int:
    """Publishes again the tasks of ages that are still not worked out; returns how many."""
    before = timezone.now() - timedelta(seconds=WAITING_SECONDS)
    lost = DescriptionRow.objects.filter(state=State.DATE, created_at__lt=before).exclude(file__stage=Stage.INSPECT)
    published = 0
    for row_id in lost.order_by("created_at").values_list("pk", flat=True)[:MOST_AT_ONCE]:
        if not publish_age(row_id):
            break
        published += 1
    return published


def purge_rows() -> int:
    """Destroys the rows of tables with the names of their files, or CXR_NAME_RETENTION_DAYS after a table whose files
    never came; returns how many."""
    old = timezone.now() - timedelta(days=settings.CXR_NAME_RETENTION_DAYS)
    gone = DescriptionRow.objects.filter(Q(file=None, created_at__lt=old) | Q(file__sealed_name="", created_at__lt=old))
    count, _by_model = gone.delete()
    if count:
        record("table_rows.purged", count=count)
    return count
