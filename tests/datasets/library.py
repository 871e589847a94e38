"""Radiographs for tests, taken into the library by the service itself."""

import hashlib
import io
from typing import Any

from django.core.files.storage import storages

from accounts.models import Agreement, Hospital, User
from datasets import services
from datasets.models import Archive, Dataset, DiagnosisGroup, Radiograph, Release
from tests.people import People
from tests.world import png

GROUPS = [(1, "NORMAL", "N"), (2, "PNEUMONIA", "P"), (3, "COVID-19", "C")]


def new_file(content: bytes) -> services.NewFile:
    return services.NewFile(lambda: io.BytesIO(content), hashlib.sha256(content).hexdigest())


class Library:
    """A dataset of three groups with a manager, a curator and a hospital, and what `add` brings into it."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.manager: User = people.manager()
        self.curator: User = people.curator()
        self.hospital: Hospital = people.hospital(number=7)
        text = "You will not try to identify anybody."
        self.agreement = Agreement.objects.create(
            code="dua", version="1", title="Agreement", text=text, sha256=hashlib.sha256(text.encode()).hexdigest()
        )
        self.dataset: Dataset = services.create_dataset(
            manager=self.manager,
            slug="polcovid",
            origin="POLCOVID",
            title="POLCOVID radiographs",
            summary="Chest radiographs.",
            description="From Polish hospitals.",
            licence="CC BY-NC 4.0",
            licence_url="https://creativecommons.org/licenses/by-nc/4.0/",
            citation="Example et al., 2026",
            agreement=self.agreement,
            is_public=True,
            groups=GROUPS,
        )
        self._grey = 0

    def group(self, class_id: int) -> DiagnosisGroup:
        return self.dataset.groups.get(class_id=class_id)

    def add(self, class_id: int = 1, key: str = "", hospital: Hospital | None = None, **fields: Any) -> Radiograph:
        self._grey += 1
        image, mask = png((32, 40), self._grey % 256), png((32, 40), 1, "1")
        values: dict[str, Any] = {
            "dataset": self.dataset,
            "group": self.group(class_id),
            "hospital": hospital or self.hospital,
            "patient_key_hash": key,
            "patient_key_id": "k1" if key else "",
            "demographics": {"sex": "F", "age": 61},
            "quality": "Good",
            "quality_score": 0.9,
            "view": "PA",
            "image": new_file(image),
            "mask": new_file(mask),
            "region": new_file(png((16, 16), self._grey % 256)),
            "region_mask": new_file(png((16, 16), 1, "1")),
            "transform": {"scale": 2},
            "model_version": "m1",
            "confidence": 0.8,
            "format": "png",
            "width": 32,
            "height": 40,
            "accepted_by": self.curator,
        }
        return services.add_radiograph(**{**values, **fields})

    def order(self, version: str = "1.0") -> Release:
        return services.publish_release(
            manager=self.manager, dataset=self.dataset, version=version, changes=f"Version {version}."
        )

    def publish(self, version: str = "1.0") -> Release:
        release = self.order(version)
        for archive in release.archives.all():
            services.build_archive(archive.pk, f"task-{archive.pk}")
        release.refresh_from_db()
        return release


def content(archive: Archive) -> bytes:
    archive.refresh_from_db()
    with storages["archives"].open(archive.file.name) as file:
        return file.read()
