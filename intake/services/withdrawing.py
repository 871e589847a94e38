"""The hospital takes a file back: on its way, and after the verdict as long as no release has it."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.services import record
from datasets.errors import DatasetError
from datasets.services.withdrawing import withdraw_unreleased
from intake.models import FINAL_STAGES, Stage, StageRun, UploadedFile
from intake.services.errors import IntakeError
from intake.services.moves import close_running, move
from intake.services.upkeep import clean_up_on_commit


def withdraw(file: UploadedFile, user: Any) -> UploadedFile:
    """Takes a file back; its bytes are destroyed, those in the library too. It may be sent again.

    Raises IntakeError where it was turned away, taken back or unpacked, and where a release has it."""
    with transaction.atomic():
        row = UploadedFile.objects.select_for_update(of=("self",)).select_related("radiograph").get(pk=file.pk)
        stage = row.stage
        if stage == Stage.ACCEPTED and row.radiograph is not None:
            try:
                withdraw_unreleased(user=user, radiograph=row.radiograph)
            except DatasetError as error:
                raise IntakeError(str(error)) from None
        elif stage in FINAL_STAGES:
            raise IntakeError(_("This file is no longer there; there is nothing to take back."))
        close_running(row, StageRun.Status.FAILED, "withdrawn")
        move(row, Stage.WITHDRAWN)
        clean_up_on_commit(row.pk)
        record("file.withdrawn", actor=user, about=row, stage=stage)
    return row
