"""A published release with very many images, made within a minute or two, as the benchmarks of tables and pages use it.

Rows are copies of one that Django has saved, with what differs put in: by COPY on PostgreSQL, by executemany on SQLite.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.archives import new_dataset, portal
from tests import postgres

HOSPITALS, IMAGES_OF_A_PATIENT = 15, 2
CLASSES = ("NORMAL", "PNEUMONIA", "COVID-19")
CONTENTS = ("radiographs", "lung_regions", "lung_masks")
TABLES = ("NORMAL.csv", "images.xlsx", "images.parquet")
PARTS = 51  # of every group and content
Row = dict[str, Any]


@contextmanager
def database(*, postgresql: bool) -> Iterator[None]:
    """A portal (see `portal`) on SQLite, or on a PostgreSQL server of its own, as the tests start it."""
    with ExitStack() as stack:
        if postgresql:
            folder = Path(tempfile.mkdtemp(prefix="cxr-pg-"))
            server = postgres.Server(folder)
            server.start()
            stack.callback(server.stop)
            os.environ["CXR_DATABASE_URL"] = postgres.url(folder, "portal")
        stack.enter_context(portal())
        yield


def fill(images: int, *, extra: int = 0, classes: int = 3) -> Any:
    """A published release of `images` images of so many classes; `extra` further ones are accepted only."""
    from django.db import connection

    from accounts.models import Hospital
    from datasets.metadata import image_row
    from datasets.models import Patient, Radiograph, Release, ReleaseItem

    user, dataset, group = new_dataset()
    groups = [group, *(dataset.groups.create(class_id=n, label=CLASSES[n - 1]) for n in range(2, classes + 1))]
    hospitals = [
        Hospital.objects.create(number=n, name=f"Szpital {n}", name_eng=f"Hospital {n}", city="Łódź")
        for n in range(1, HOSPITALS + 1)
    ]
    patient = Patient.objects.create(hospital=hospitals[0], number=1)
    image = Radiograph.objects.create(
        dataset=dataset, group=group, patient=patient, filename=_name(0), file="x", format="dicom", size=1_000_000,
        sha256=f"{0:064x}", width=2000, height=2000, quality="Good", accepted_by=user, **_person(0),
    )  # fmt: skip
    about = {"title": "B", "groups": {str(group.class_id): group.label for group in groups}}
    release = Release.objects.create(dataset=dataset, version="1.0", changes="x", created_by=user, about=about)
    first = image_row(image)
    item = ReleaseItem.objects.create(
        release=release, radiograph=image, group=group, filename=image.filename, metadata=first, files=_files(0)
    )

    def patients(number: int) -> Row:
        return {"number": number + 1, "hospital_id": hospitals[number % HOSPITALS].pk}

    def radiographs(number: int) -> Row:
        changed = {"group_id": groups[number % classes].pk, "filename": _name(number), "sha256": f"{number:064x}"}
        return {**changed, **_person(number), "patient_id": patient.pk + number // IMAGES_OF_A_PATIENT}

    def items(number: int) -> Row:
        person, group = _person(number), groups[number % classes]
        holder = number // IMAGES_OF_A_PATIENT
        hospital = hospitals[holder % HOSPITALS]
        metadata = {
            **first,
            **person,
            "filename": _name(number),
            "patient_id": holder + 1,
            "hospital": hospital.name,
            "hospital_eng": hospital.name_eng,
            "hospital_id": hospital.number,
            "class": group.label,
            "class_id": group.class_id,
        }
        return {
            "radiograph_id": image.pk + number,
            "group_id": group.pk,
            "filename": _name(number),
            "metadata": json.dumps(metadata),
            "files": json.dumps(_files(number)),
        }

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # no check of each of the references
    _copies(patient, (images + extra) // IMAGES_OF_A_PATIENT + 1, patients)
    _copies(image, images + extra, radiographs)
    _copies(item, images, items)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = DEFAULT")
            cursor.execute("VACUUM ANALYZE")  # as autovacuum does within a minute
    _archives(release, groups, images)
    Release.objects.update(status="published", published_at="2026-01-01T00:00:00Z")
    release.refresh_from_db()
    return release


def researcher(dataset: Any) -> tuple[Any, Any]:
    """Somebody who signed the agreement and may have every file, and the grant."""
    from allauth.account.models import EmailAddress
    from django.utils import timezone

    from accounts.models import AccessGrant, AccessRequest, Signature, User

    person = User.objects.create(email="jo@benchmark.example", name="Jo", institution="I")
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    signed = {"text_sha256": dataset.agreement.sha256, "typed_name": "Jo", "institution": "I"}
    Signature.objects.create(user=person, agreement=dataset.agreement, **signed)
    asked = {"user": person, "dataset": dataset}
    request = AccessRequest.objects.create(**asked, project="P", purpose="P", status="granted")
    grant = AccessGrant.objects.create(**asked, request=request, expires_at=timezone.now() + timedelta(days=1))
    for groups in (request.groups, grant.groups):
        groups.set(dataset.groups.all())
    return person, grant


def _name(number: int) -> str:
    return f"Anonymous_1_{number // IMAGES_OF_A_PATIENT + 1}_{number}.dcm"


def _person(number: int) -> Row:
    return {
        "sex": "FM"[number % 2],
        "age": number % 90,
        "smoke": ("yes", "no", "former")[number % 3],
        "smoke_packyears": number % 400 / 10,
        "set": ("train", "test")[number // IMAGES_OF_A_PATIENT % 5 == 0],
    }


def _files(number: int) -> dict[str, list[Row]]:
    stored = {"name": _name(number), "path": "x", "sha256": f"{number:064x}", "size": 1_000_000}
    return {"radiographs": [stored]}


def _copies(saved: Any, count: int, changed: Callable[[int], Row]) -> None:
    """Rows 1 to `count` - 1 beside the saved one, row 0, with the ids that follow its own."""
    from django.db import connection

    table = saved._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}" WHERE id = %s', [saved.pk])
        columns = [column[0] for column in cursor.description]
        template = dict(zip(columns, cursor.fetchone(), strict=True))
        rows = (tuple((template | changed(number) | {"id": saved.pk + number}).values()) for number in range(1, count))
        names = ", ".join(f'"{column}"' for column in columns)
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM \"{table}\"")
        else:
            marks = ", ".join(["%s"] * len(columns))
            while batch := list(islice(rows, 10_000)):
                cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', batch)


def _archives(release: Any, groups: list[Any], images: int) -> None:
    ready = {"status": "ready", "size": 550_000_000, "md5": "0" * 32, "sha256": "0" * 64}
    for group in groups:
        for content in CONTENTS:
            for part in range(1, PARTS + 1):
                release.archives.create(
                    content=content, group=group, part=part, parts=PARTS, items=images // len(groups) // PARTS,
                    filename=f"benchmark-{group.label}-{content}-part{part:02d}of{PARTS}.zip", **ready,
                )  # fmt: skip
    for name in TABLES:
        group = groups[0] if name == "NORMAL.csv" else None
        release.archives.create(
            content="metadata", filename=f"benchmark-1.0-{name}", group=group, items=images, **ready
        )
