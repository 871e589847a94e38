"""Makes the demo step by step. Every step looks first whether it is done, so an interrupted demo goes on."""

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from accounts import services as access
from accounts.models import AccessRequest, Agreement, Hospital, Signature, User
from curation import services as curation
from datasets import services as releases
from datasets.models import Dataset, DiagnosisGroup, Release
from intake import services as intake
from intake.models import WORK_STAGES, Stage, UploadBatch, UploadedFile
from intake.quarantine import seal
from portal.demo import images, masks, texts
from portal.demo.people import ensure_people, log_ins

__all__ = ["ensure_dataset", "is_complete", "log_ins", "make"]

Say = Callable[[str], None]
PATIENCE_SECONDS = 900
# Per hospital: the last files stay in the queue, so that a curator finds work.
LEFT_FOR_THE_CURATOR = 2


def is_complete() -> bool:
    published = Release.objects.filter(status=Release.Status.PUBLISHED)
    return all(published.filter(dataset__slug=slug).exists() for slug in (texts.SLUG, texts.MASKS_SLUG))


def make(say: Say) -> None:
    """People, agreement, dataset, uploads through the real pipeline, verdicts, a release, a grant; masks."""
    people = ensure_people()
    dataset = ensure_dataset(people)
    _upload(people, dataset, say)
    _wait("Pipeline", lambda: UploadedFile.objects.filter(stage__in=WORK_STAGES), UploadedFile.objects.all(), say)
    _judge(people["curator@demo.example"], dataset)
    _publish(people["manager@demo.example"], dataset, say)
    _grant(people, dataset, list(dataset.groups.all()[:2]))
    _masks(people, say)


def ensure_dataset(people: dict[str, User]) -> Dataset:
    manager = people["manager@demo.example"]
    existing = Dataset.objects.filter(slug=texts.SLUG).first()
    if existing is not None:
        return existing
    agreement = Agreement.objects.filter(code="demo-dua").first() or access.publish_agreement(
        manager=manager, code="demo-dua", version="1.0", title="Data use agreement", text=texts.AGREEMENT
    )
    return releases.create_dataset(
        manager=manager,
        slug=texts.SLUG,
        groups=[(1, "NORMAL", "N"), (2, "PNEUMONIA", "P"), (3, "COVID-19", "C")],
        origin="DEMO",
        title=texts.TITLE,
        summary=texts.SUMMARY,
        description=texts.DESCRIPTION,
        licence="CC0 1.0",
        licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        citation=texts.CITATION,
        agreement=agreement,
        is_public=True,
    )


def _files(folder: Path) -> Iterable[images.DemoFile]:
    yield from images.draw_all(folder)
    yield from images.real_files()


def _upload(people: dict[str, User], dataset: Dataset, say: Say) -> None:
    senders = {1: "hospital@demo.example", 2: "hospital2@demo.example", 3: "hospital3@demo.example"}
    groups = {group.class_id: group for group in dataset.groups.all()}
    batches: dict[int, UploadBatch] = {}
    for number, email in senders.items():
        hospital = Hospital.objects.get(number=number)
        batches[number] = UploadBatch.objects.filter(hospital=hospital, dataset=dataset).first() or intake.open_batch(
            user=people[email], hospital=hospital, dataset=dataset, title="Demo"
        )
    say("Drawing radiographs and uploading them as three hospitals ...")
    with tempfile.TemporaryDirectory() as folder:
        for file in _files(Path(folder)):
            with file.path.open("rb") as source:
                sealed = seal(source)
            try:
                intake.receive_file(
                    batch=batches[file.hospital],
                    user=people[senders[file.hospital]],
                    name=file.path.name,
                    sealed=sealed,
                    group=groups[file.class_id],
                    demographics={
                        "sex": file.sex,
                        "age": file.age,
                        "smoke": file.smoke,
                        "smoke_packyears": file.packyears,
                    },
                    patient_key=file.patient_key,
                )
            except intake.Duplicate:
                continue  # an earlier, interrupted run sent it
        _upload_broken(batches[1], people[senders[1]], groups[2], Path(folder))


def _upload_broken(batch: UploadBatch, user: User, group: DiagnosisGroup, folder: Path) -> None:
    """A radiograph that was cut off on its way, so that the pages show what is set aside."""
    whole = next(iter(images.real_files())).path.read_bytes()
    broken = folder / "interrupted transfer.dcm"
    broken.write_bytes(whole[: len(whole) // 3])
    with broken.open("rb") as source:
        sealed = seal(source)
    with suppress(intake.Duplicate):
        intake.receive_file(batch=batch, user=user, name=broken.name, sealed=sealed, group=group)


def _wait(what: str, pending: Callable[[], QuerySet[Any]], everything: QuerySet[Any], say: Say) -> None:
    """Until nothing is pending; says how far it is whenever that changed, every few seconds."""
    total, said, deadline = everything.count(), None, time.monotonic() + PATIENCE_SECONDS
    while left := pending().count():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: {left} of {total} are still waiting. Do the workers run?")
        if left != said:
            say(f"{what}: {total - left} of {total} done")
            said = left
        time.sleep(3)


def _judge(curator: User, dataset: Dataset) -> None:
    for batch in UploadBatch.objects.filter(dataset=dataset):
        waiting = list(batch.files.filter(stage=Stage.CURATE))
        for file in waiting[:-LEFT_FOR_THE_CURATOR]:
            quality = file.assessment["quality"]
            curation.accept(file=file, curator=curator, quality=quality, no_text_seen=True)


def _publish(manager: User, dataset: Dataset, say: Say) -> None:
    release = dataset.releases.first() or releases.publish_release(
        manager=manager, dataset=dataset, version="1.0", changes="First release."
    )
    _wait("Archives", lambda: release.archives.exclude(status="ready"), release.archives.all(), say)


def _masks(people: dict[str, User], say: Say) -> None:
    """The second kind of dataset, imported as an operator would."""
    say("Importing drawn lung masks ...")
    manager = people["manager@demo.example"]
    if not Dataset.objects.filter(slug=texts.MASKS_SLUG, releases__isnull=False).exists():
        with tempfile.TemporaryDirectory() as folder:
            masks.bring_in(Path(folder), manager=manager, curator=people["curator@demo.example"])
    collection = Dataset.objects.get(slug=texts.MASKS_SLUG)
    _publish(manager, collection, say)
    _grant(people, collection, [])


def _grant(people: dict[str, User], dataset: Dataset, groups: list[DiagnosisGroup]) -> None:
    researcher, new = people["researcher@demo.example"], people["new@demo.example"]
    for user in (researcher, new):
        if not Signature.objects.filter(user=user, agreement=dataset.agreement).exists():
            access.sign(user=user, agreement=dataset.agreement, typed_name=user.name, institution=user.institution)
        if not AccessRequest.objects.filter(user=user, dataset=dataset).exists():
            request = access.ask(
                user=user,
                dataset=dataset,
                groups=groups,
                project="Looking at the demo",
                purpose="To see how radiographs are shared.",
            )
            if user == researcher:
                access.decide(
                    request=request,
                    manager=people["manager@demo.example"],
                    granted=True,
                    reason="Welcome to the demo: two of the three groups." if groups else "Welcome to the demo.",
                )
