"""The rows of batches' tables as the database holds them: found by keyed hashes of what they are called, read with the
key of the names. Paths, UIDs and dates of birth are in the sealed part alone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from imaging.deid import pseudonym
from intake import keys, names
from intake.models import DescriptionRow, UploadBatch, UploadedFile
from intake.tables import Described, paths


@dataclass(frozen=True)
class Content:
    """The sealed part of a row. `name`: the path as it was written, else the SOP Instance UID; `came_as`: the path of
    the file that it described; `born`: as long as the age is not known."""

    name: str
    class_id: int | None
    demographics: dict[str, Any]
    born: date | None = None
    came_as: str = ""

    def seal(self) -> str:
        known = {key: str(value) if isinstance(value, Decimal) else value for key, value in self.demographics.items()}
        born = self.born.isoformat() if self.born else None
        return names.seal_text(json.dumps([self.name, self.class_id, known, born, self.came_as]))

    def without_birth(self) -> "Content":
        return replace(self, born=None)


def content(row: DescriptionRow) -> Content | None:
    """What a row says; None where the key of the names was changed since."""
    if not (text := names.reveal(row.sealed)):
        return None
    name, class_id, known, born, came_as = json.loads(text)
    if "smoke_packyears" in known:
        known["smoke_packyears"] = Decimal(known["smoke_packyears"])
    return Content(name, class_id, known, date.fromisoformat(born) if born else None, came_as)


def path_of(row: DescriptionRow) -> paths.Path:
    found = content(row)
    return paths.path(found.name) if found is not None else ()


def path_hashes(batch_id: int, path: paths.Path) -> list[str]:
    """The hashes of a path within a batch, under every key of the ring, the current one first."""
    return [pseudonym(key.secret, "table", str(batch_id), "/".join(path)) for key in keys.pseudonym_keys()]


def instance_hashes(hospital_id: int, uid: str) -> list[str]:
    """The hashes of a SOP Instance UID as UploadedFile.instance_hash has them, under every key, the current first."""
    return [pseudonym(key.secret, "instance", str(hospital_id), uid) for key in keys.pseudonym_keys()]


def new_row(batch: UploadBatch, said: Described, shared: int, file: UploadedFile | None) -> DescriptionRow:
    """An unsaved row. `shared` leading folders are no part of what the path is found by."""
    class_id = said.group.class_id if said.group is not None else None
    row = DescriptionRow(batch=batch, number=said.row, file=file)
    path = said.path
    if said.uid:
        row.uid_hash = instance_hashes(batch.hospital_id, said.uid)[0]
    else:
        row.path_hash = path_hashes(batch.pk, path[shared:])[0]
        row.name_hash = path_hashes(batch.pk, path[-1:])[0]
    came_as = names.reveal(file.sealed_name) if file is not None else ""
    row.sealed = Content(
        said.name if not said.uid else said.uid, class_id, said.demographics, said.born, came_as
    ).seal()
    return row


def for_path(batch_id: int, path: paths.Path) -> DescriptionRow | None:
    """The row of a batch's table that speaks of the file with this path. Raises paths.Several."""
    rows = DescriptionRow.objects.filter(batch_id=batch_id)

    def by_end(ends: Iterable[paths.Path]) -> Iterable[DescriptionRow]:
        return rows.filter(path_hash__in=[found for end in ends for found in path_hashes(batch_id, end)])

    def by_name(name: str) -> Iterable[DescriptionRow]:
        return rows.filter(name_hash__in=path_hashes(batch_id, (name,)))

    return paths.choose(path, path_of, by_end, by_name)
