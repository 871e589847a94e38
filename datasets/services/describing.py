"""What becomes known of a patient after the image was accepted."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.services import record
from datasets.errors import DatasetError
from datasets.models import Radiograph

FIELDS = ("sex", "age", "smoke", "smoke_packyears")


@transaction.atomic
def describe_radiograph(radiograph: Radiograph, demographics: Mapping[str, Any], *, user: Any) -> list[str]:
    """Changes sex, age (years, 90 for over 89), smoke and smoke_packyears as far as `demographics` has them; returns
    the names of the fields that are new. The next release has it; those before stay as they are. Raises DatasetError
    for an image that was withdrawn."""
    row = Radiograph.objects.select_for_update().get(pk=radiograph.pk)
    if row.status != Radiograph.Status.ACCEPTED:
        raise DatasetError(_("This image is withdrawn; what is known of it no longer changes."))
    changed = [field for field in FIELDS if field in demographics and getattr(row, field) != demographics[field]]
    for field in changed:
        setattr(row, field, demographics[field])
    if changed:
        row.save(update_fields=changed)
        record("radiograph.described", actor=user, about=row, fields=changed)
    return changed
