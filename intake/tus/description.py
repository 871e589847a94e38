"""What the metadata of an upload say of the file: its name, its diagnosis, its patient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from datasets.models import DiagnosisGroup
from intake import selectors
from intake.forms import DescriptionForm
from intake.models import UploadBatch
from intake.services.errors import IntakeError


class BadMetadata(IntakeError):  # noqa: N818
    """A field of the metadata holds what it cannot hold."""

    code = "metadata"


@dataclass(frozen=True)
class Description:
    name: str = field(repr=False)  # with folders before it, where the program told them
    group: DiagnosisGroup | None
    demographics: Mapping[str, Any]
    patient_key: str = field(repr=False)


class _Form(DescriptionForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].required = False


def describe(metadata: Mapping[str, str], batch: UploadBatch, *, strict: bool = True) -> Description:
    """Reads filename (or name), relativePath, class_id, patient_key, sex, age, smoke and smoke_packyears; other keys
    are somebody else's. Raises BadMetadata, or (not `strict`) leaves out what is wrong."""
    group = None
    if class_id := metadata.get("class_id", "").strip():
        group = selectors.group_of(batch.dataset, class_id)
        if group is None and strict:
            raise BadMetadata(_("This diagnosis does not belong to the dataset of the batch. Choose another one."))
    form = _Form({**metadata, "group": group.pk if group is not None else ""}, dataset=batch.dataset)
    if not form.is_valid() and strict:
        words = [f"{form.fields[name].label}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()]
        raise BadMetadata(" ".join(words))
    known = form.cleaned_data
    path = metadata.get("relativePath", "").strip()
    return Description(
        # Uppy says "null" where a file was dropped by itself.
        name=path if path and path != "null" else metadata.get("filename", "") or metadata.get("name", ""),
        group=group,
        demographics={key: known.get(key) for key in ("sex", "age", "smoke", "smoke_packyears")},
        patient_key=known.get("patient_key", ""),
    )
