"""A small installation with everything in it, laid directly into the database; what `services` make of such things is
tested elsewhere. Used by the permission matrix and wherever a test needs 'some file that waits for a curator'."""

import hashlib
import io
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone
from PIL import Image

from accounts.models import (
    AccessGrant,
    AccessRequest,
    Agreement,
    ApiToken,
    Hospital,
    Invitation,
    Signature,
    User,
)
from accounts.tokens import secret_hash
from datasets.models import Archive, Dataset, DiagnosisGroup, LungMask, Patient, Radiograph, Release, ReleaseItem
from intake.models import Stage, StageRun, UploadBatch, UploadedFile
from tests.people import People

ARCHIVE_BYTES = b"PK\x05\x06" + bytes(18)  # an empty, valid ZIP
INVITATION_SECRET = "invitation-secret-of-the-world"
TOKEN_SECRET = "cxr_token-secret-of-the-world"


@lru_cache
def png(size: tuple[int, int] = (64, 80), grey: int = 90, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, grey).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class World:
    people: People = field(default_factory=People)
    manager: User = None  # type: ignore[assignment]
    curator: User = None  # type: ignore[assignment]
    hospital_user: User = None  # type: ignore[assignment]
    other_hospital_user: User = None  # type: ignore[assignment]
    researcher: User = None  # type: ignore[assignment]  # has signed nothing, has an open request
    granted: User = None  # type: ignore[assignment]  # signed, granted `group`
    expired: User = None  # type: ignore[assignment]  # signed, the grant for `group` ran out
    reviewer: User = None  # type: ignore[assignment]  # decides about requests for `dataset`
    hospital: Hospital = None  # type: ignore[assignment]
    other_hospital: Hospital = None  # type: ignore[assignment]
    agreement: Agreement = None  # type: ignore[assignment]
    dataset: Dataset = None  # type: ignore[assignment]
    group: DiagnosisGroup = None  # type: ignore[assignment]
    other_group: DiagnosisGroup = None  # type: ignore[assignment]
    batch: UploadBatch = None  # type: ignore[assignment]
    files: dict[str, UploadedFile] = field(default_factory=dict)  # by stage, all in `batch` of `hospital`
    radiograph: Radiograph = None  # type: ignore[assignment]
    release: Release = None  # type: ignore[assignment]
    archive: Archive = None  # type: ignore[assignment]  # ready, of `group`
    other_archive: Archive = None  # type: ignore[assignment]  # ready, of `other_group`
    request: AccessRequest = None  # type: ignore[assignment]
    grant: AccessGrant = None  # type: ignore[assignment]
    invitation: Invitation = None  # type: ignore[assignment]
    token: ApiToken = None  # type: ignore[assignment]  # of `granted`

    def person(self, name: str) -> User | None:
        """The person of the permission matrix's column `name`; None is the visitor."""
        return {
            "anonymous": None,
            "researcher": self.researcher,
            "granted": self.granted,
            "expired": self.expired,
            "hospital": self.hospital_user,
            "other_hospital": self.other_hospital_user,
            "curator": self.curator,
            "manager": self.manager,
            "reviewer": self.reviewer,
        }[name]


def build_world() -> World:
    world = World()
    _people(world)
    _dataset(world)
    _files(world)
    _release(world)
    _access(world)
    return world


def _people(world: World) -> None:
    people = world.people
    world.manager, world.curator = people.manager(), people.curator()
    world.hospital, world.other_hospital = people.hospital(), people.hospital()
    world.hospital_user = people.hospital_user(world.hospital)
    world.other_hospital_user = people.hospital_user(world.other_hospital)
    world.reviewer = people.person("Vera Reviewer")
    world.researcher, world.granted, world.expired = people.researcher(), people.researcher(), people.researcher()
    world.invitation = Invitation.objects.create(
        email="invited@example.org",
        token_hash=secret_hash(INVITATION_SECRET),
        invited_by=world.manager,
        expires_at=timezone.now() + timedelta(days=14),
    )
    world.invitation.hospitals.set([world.hospital])


def _dataset(world: World) -> None:
    text = "You will not try to identify anybody."
    world.agreement = Agreement.objects.create(
        code="dua", version="1", title="Data use agreement", text=text, sha256=hashlib.sha256(text.encode()).hexdigest()
    )
    world.dataset = Dataset.objects.create(
        slug="example",
        origin="EXAMPLE",
        title="Example radiographs",
        summary="A few radiographs.",
        description="For tests.",
        licence="CC BY-NC 4.0",
        citation="Example et al., 2026",
        agreement=world.agreement,
        is_public=True,
    )
    world.dataset.reviewers.add(world.reviewer)
    world.group, world.other_group = (
        DiagnosisGroup.objects.create(dataset=world.dataset, class_id=number, label=label, subtype_prefix=label[0])
        for number, label in enumerate(("NORMAL", "PNEUMONIA"), start=1)
    )


def _files(world: World) -> None:
    world.batch = UploadBatch.objects.create(
        hospital=world.hospital, dataset=world.dataset, user=world.hospital_user, title="March"
    )
    candidates = storages["candidates"]
    for number, stage in enumerate(Stage.values):
        extra: dict[str, Any] = {}
        if stage in (Stage.SET_ASIDE, Stage.REJECTED):
            extra = {"reason_code": "not_an_image", "reason": "The file is not an image."}
        file = UploadedFile.objects.create(
            batch=world.batch,
            hospital=world.hospital,
            group=world.group,
            size=100 + number,
            sha256=hashlib.sha256(stage.encode()).hexdigest(),
            stage=stage,
            facts={"format": "png", "width": 64, "height": 80, "bits": 8},
            deid_report={"removed": [], "kept": [], "replaced": [], "warnings": []},
            assessment={"quality": "Bad", "score": 0.5, "reasons": ["resolution"]},
            **extra,
        )
        StageRun.objects.create(file=file, stage=Stage.INSPECT, attempt=1, task_id="t", status="done")
        for name in ("image.png", "preview.png", "preview_enhanced.png", "region.png"):
            candidates.save(f"{file.pk}/{name}", ContentFile(png()))
        for name in ("mask.png", "region_mask.png"):
            candidates.save(f"{file.pk}/{name}", ContentFile(png(mode="1", grey=1)))
        world.files[stage] = file


def _release(world: World) -> None:
    patient = Patient.objects.create(hospital=world.hospital, number=1)
    name = f"Anonymous_{world.hospital.number}_1_{world.group.class_id}.png"
    image, mask = png(), png(mode="1", grey=1)
    world.radiograph = Radiograph.objects.create(
        dataset=world.dataset,
        group=world.group,
        patient=patient,
        filename=name,
        file=storages["library"].save(f"example/{name}", ContentFile(image)),
        format="png",
        size=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        width=64,
        height=80,
        sex="F",
        age=61,
        quality="Good",
        quality_score=0.9,
        accepted_by=world.curator,
    )
    LungMask.objects.create(
        radiograph=world.radiograph,
        kind="model",
        file=storages["library"].save(f"example/masks/{name}", ContentFile(mask)),
        sha256=hashlib.sha256(mask).hexdigest(),
    )
    UploadedFile.objects.filter(pk=world.files[Stage.ACCEPTED].pk).update(radiograph=world.radiograph)
    now = timezone.now()
    world.release = Release.objects.create(
        dataset=world.dataset,
        version="1.0",
        changes="First release.",
        status="published",
        created_by=world.manager,
        published_at=now,
    )
    ReleaseItem.objects.create(
        release=world.release,
        radiograph=world.radiograph,
        group=world.group,
        filename=name,
        metadata={"origin": "EXAMPLE", "filename": name, "class": world.group.label, "class_id": 1, "quality": "Good"},
        files={"radiographs": [{"name": name, "path": world.radiograph.file.name, "sha256": world.radiograph.sha256}]},
    )
    world.archive, world.other_archive = (
        Archive.objects.create(
            release=world.release,
            group=group,
            content="radiographs",
            filename=f"example-1.0-{group.label}-radiographs.zip",
            file=storages["archives"].save(f"example/1.0/{group.label}.zip", ContentFile(ARCHIVE_BYTES)),
            items=1,
            size=len(ARCHIVE_BYTES),
            md5=hashlib.md5(ARCHIVE_BYTES).hexdigest(),
            sha256=hashlib.sha256(ARCHIVE_BYTES).hexdigest(),
            status="ready",
        )
        for group in (world.group, world.other_group)
    )


def _access(world: World) -> None:
    now = timezone.now()
    world.request = AccessRequest.objects.create(
        user=world.researcher, dataset=world.dataset, project="Lungs", purpose="To learn.", submitted_at=now
    )
    world.request.groups.set([world.group])
    for user, expires in ((world.granted, timedelta(days=30)), (world.expired, timedelta(days=-1))):
        Signature.objects.create(
            user=user,
            agreement=world.agreement,
            text_sha256=world.agreement.sha256,
            typed_name=user.name,
            institution=user.institution,
        )
        request = AccessRequest.objects.create(
            user=user,
            dataset=world.dataset,
            project="Lungs",
            purpose="To learn.",
            status="granted",
            decided_by=world.manager,
            decided_at=now,
        )
        request.groups.set([world.group])
        grant = AccessGrant.objects.create(
            user=user, dataset=world.dataset, request=request, granted_by=world.manager, expires_at=now + expires
        )
        grant.groups.set([world.group])
        if user is world.granted:
            world.grant = grant
    world.token = ApiToken.objects.create(
        user=world.granted,
        name="laptop",
        token_hash=secret_hash(TOKEN_SECRET),
        scopes=["read", "download"],
        expires_at=now + timedelta(days=30),
    )
