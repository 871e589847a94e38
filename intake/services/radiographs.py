"""What a hospital adds to a file after its verdict."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from datasets.errors import DatasetError
from datasets.services.describing import describe_radiograph
from intake.models import Stage, UploadedFile
from intake.services.errors import IntakeError


def describe_accepted(file: UploadedFile, demographics: Mapping[str, Any], *, user: Any) -> list[str]:
    """Changes sex, age, smoke and smoke_packyears of an accepted radiograph, from the next release on; returns the
    names of the fields that are new. Raises IntakeError where there is no such radiograph."""
    with transaction.atomic():
        row = UploadedFile.objects.select_for_update(of=("self",)).select_related("radiograph").get(pk=file.pk)
        return describe_accepted_row(row, demographics, user=user)


def describe_accepted_row(row: UploadedFile, demographics: Mapping[str, Any], *, user: Any) -> list[str]:
    """The same for a row that is locked."""
    if row.stage != Stage.ACCEPTED or row.radiograph is None:
        raise IntakeError(_("This file is not among the accepted ones; nothing was changed."))
    try:
        changed = describe_radiograph(row.radiograph, demographics, user=user)
    except DatasetError as error:
        raise IntakeError(str(error)) from error
    for field in demographics:
        setattr(row, field, demographics[field])
    row.save(update_fields=list(demographics))
    return changed
