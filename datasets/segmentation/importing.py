"""One row after the other: look at its files, decide what may come in, hand it to the service.

Nothing of a row is said but its number and what is wrong: cells may name people.
"""

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from django.conf import settings
from django.core.files.storage import storages
from django.db import IntegrityError
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from accounts.models import User
from datasets.errors import DatasetError
from datasets.models import Dataset, Radiograph, SegmentationSource
from datasets.segmentation.licences import may_be_passed_on
from datasets.segmentation.sets import Member, give_sets, set_of
from datasets.segmentation.table import BadRow, Reader, Row
from datasets.services.segmentation import Drawn, patient_hash, put_entry, set_source
from imaging import masks
from imaging.deid.boxes import TextBox
from imaging.deid.painting import paint
from imaging.formats import Format, Refused, inspect, sniff

Grey = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Rules:
    """What may come in. `root`: the folder that every named file must lie in.

    `images`: none; those of sources that are `ours`; or also those whose row names a licence that lets everybody pass
    them on. `checked`: a person has looked at every image for text (the importer needs it for any image).
    """

    root: Path
    images: Literal["none", "ours", "licensed"] = "none"
    ours: frozenset[str] = frozenset()
    checked: bool = False
    resize: bool = False
    replace: bool = False
    dry_run: bool = False
    seed: str = "1"


@dataclass
class Importer:
    """Imports the rows that `reader` gives; afterwards `problems`, `notes` (row, words) and `counts` say what became
    of them. A row with a problem brings in nothing; one with a note has lost its image on the way."""

    dataset: Dataset
    manager: User
    reader: Reader
    rules: Rules
    problems: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._sets: dict[str, str] = {}
        self._doubled: set[int] = set()

    def prepare(self) -> int:
        """Reads the whole table once, which gives every patient a set, and returns the number of good rows.

        Raises BadTable. Keeps the names and the patients in memory, nothing else.
        """
        names: set[str] = set()
        images: Counter[str] = Counter()
        sources: dict[str, str] = {}
        said: dict[str, str] = {}
        for row in self.reader.rows():
            # One folder must hold all of them, on file systems that do not tell a from A, too.
            if row.filename.casefold() in names:
                self._doubled.add(row.line)
                continue
            names.add(row.filename.casefold())
            patient = self._patient(row)
            images[patient] += 1
            sources.setdefault(patient, row.source)
            if name := row.set or (_set_of_ours(row.radiograph) if row.radiograph else None):
                said.setdefault(patient, name)
        known = {**said, **({} if self.rules.replace else self._known(images))}
        members = (Member(patient, sources[patient], count) for patient, count in images.items())
        self._sets = give_sets(members, known, seed=self.rules.seed)
        return len(names) + len(self._doubled)

    def run(self) -> Iterator[int]:
        """Takes the rows in, and gives the number of rows done after each. Call `prepare` first."""
        for done, row in enumerate(self.reader.rows(self.problems), start=1):
            try:
                self.counts[self._take(row)] += 1
            except (BadRow, DatasetError) as error:
                self.problems.append((row.line, str(error)))
            except Refused as refused:
                self.problems.append((row.line, _(refused.message)))
            except IntegrityError:
                self.problems.append((row.line, _("somebody else is importing at the same time")))
            except OSError:
                self.problems.append((row.line, _("a file can't be read")))
            yield done

    def _take(self, row: Row) -> str:
        if row.line in self._doubled:
            raise BadRow(_("this file name is in an earlier row already"))
        patient = self._patient(row)
        if row.set and row.set != self._sets[patient]:
            raise BadRow(_("set: this patient's images are in another set"))
        mask = masks.read_mask(self._inside(row.mask))
        radiograph = _radiograph(row.radiograph) if row.radiograph else None
        ours = row.source in self.rules.ours or self._is_ours(row.source)
        image, report = self._image(row, radiograph, wanted=self._wanted(row, ours))
        if image is not None and image.shape != mask.shape:
            if not self.rules.resize:
                raise BadRow(_("the mask is not of the image's size"))
            mask = masks.resized(mask, image.shape[1], image.shape[0])
        drawn = Drawn(
            filename=row.filename,
            set=self._sets[patient],
            mask=masks.mask_png(mask),
            width=mask.shape[1],
            height=mask.shape[0],
            convention=row.convention,
            licence=row.licence,
            patient=patient,
            image=None if report is None or image is None else masks.grey_tiff(image),
            deid_report=report or {},
            radiograph=radiograph,
        )
        if self.rules.dry_run:
            return "good"
        source = set_source(
            manager=self.manager, dataset=self.dataset, name=row.source, source_id=row.source_id, ours=ours
        )
        return put_entry(manager=self.manager, source=source, drawn=drawn, replace=self.rules.replace)

    def _image(
        self, row: Row, radiograph: Radiograph | None, *, wanted: bool
    ) -> tuple[Grey | None, dict[str, Any] | None]:
        """The image's grey levels where there are any to compare, and the report where it comes in."""
        if radiograph is not None:
            with _local(radiograph) as path:
                # A curator has accepted this image, de-identified and looked at.
                return masks.read_grey(path), radiograph.deid_report if wanted else None
        if not row.image:
            return None, None
        try:
            path = self._inside(row.image)
        except BadRow:
            if wanted:
                raise
            return None, None
        image = masks.read_grey(path)
        if not wanted:
            return image, None
        return self._without_text(row, path, image)

    def _without_text(self, row: Row, path: Path, image: Grey) -> tuple[Grey, dict[str, Any] | None]:
        """As the pipeline does: what is text is painted over; what may be text is for a person, and stays out."""
        from imaging.deid.report import Entry, Report
        from imaging.deid.text import find_text

        if (before := self._as_before(row, image)) is not None:
            return before
        declared = inspect(path).burned_in if sniff(path) is Format.DICOM else None
        text = find_text(image)
        if (text.doubtful or declared) and not row.text_checked:
            self.notes.append((row.line, _("the image may show text: only its mask is taken")))
            return image, None
        painted = [box for box in text.boxes if box.painted]
        report = Report(
            Format.TIFF,
            "",
            kept=[Entry("pixels", "same values in a new container")],
            replaced=[Entry("pixels", "text painted over")] if painted else [],
            burned_in_declared=declared,
            text=list(text.boxes),
            text_version=text.version,
            doubtful=text.doubtful,
            checked=self.rules.checked,
        )
        return paint(image, painted), report.as_dict()

    def _as_before(self, row: Row, image: Grey) -> tuple[Grey, dict[str, Any]] | None:
        """What came of this very image the last time: the search for text takes most of the time."""
        if self.rules.replace or self.dataset.pk is None:
            return None
        entry = self.dataset.entries.filter(filename=row.filename).exclude(image="").first()
        if entry is None:
            return None
        boxes = [TextBox.from_dict(box) for box in entry.deid_report.get("text") or ()]
        try:
            painted = paint(image, [box for box in boxes if box.painted])
        except Refused:  # another picture
            return None
        same = hashlib.sha256(masks.grey_tiff(painted)).hexdigest() == entry.image_sha256
        return (painted, entry.deid_report) if same else None

    def _wanted(self, row: Row, ours: bool) -> bool:
        if self.rules.images == "none" or not self.rules.checked:
            return False
        return ours or (self.rules.images == "licensed" and may_be_passed_on(row.licence))

    def _is_ours(self, name: str) -> bool:
        known = SegmentationSource.objects.filter(dataset_id=self.dataset.pk, source=name, images_ours=True)
        return known.exists()

    def _inside(self, name: str) -> Path:
        """The file that a row names, if it really lies in the folder: no '..', no absolute path, no link out of it."""
        root = self.rules.root.resolve()
        try:
            path = (root / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):  # too long, or links in a circle
            pass
        raise BadRow(_("a file is missing, or its name leads out of the folder"))

    def _patient(self, row: Row) -> str:
        """Whose image it is: as the row says; that of the radiograph; else everybody who shares the image."""
        if row.patient:
            return f"patient:{row.patient}"
        if row.radiograph:
            with suppress(BadRow):
                return f"ours:{_radiograph(row.radiograph).patient_id}"
        return f"image:{row.image or row.filename}"

    def _known(self, patients: Iterable[str]) -> dict[str, str]:
        """The sets of patients whose images are in the collection already."""
        if self.dataset.pk is None:  # a dry run for a collection that is not there yet
            return {}
        entries = self.dataset.entries.exclude(patient_hash="").values_list("patient_hash", "set")
        before = dict(entries.iterator())
        found = ((patient, before.get(patient_hash(self.dataset, patient))) for patient in patients)
        return {patient: name for patient, name in found if name is not None}


def _radiograph(name: str) -> Radiograph:
    """The accepted radiograph that `name` means: its file name, or DATASET/FILE where several datasets have one."""
    slug, _slash, filename = name.rpartition("/")
    found = Radiograph.objects.filter(filename=filename, status=Radiograph.Status.ACCEPTED)
    found = found.filter(dataset__slug=slug) if slug else found
    radiographs = list(found[:2])
    if len(radiographs) != 1:
        raise BadRow(_("radiograph: there is no such accepted image, or several: write DATASET/FILE"))
    return radiographs[0]


def _set_of_ours(name: str) -> str | None:
    """The set that the radiograph has in its own dataset: a patient must not be trained on here and tested on there."""
    try:
        return set_of(_radiograph(name).set)
    except BadRow:
        return None


@contextmanager
def _local(radiograph: Radiograph) -> Iterator[Path]:
    folder = Path(settings.CXR_VAR) / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder) as copy, storages["library"].open(str(radiograph.file.name)) as source:
        shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)
