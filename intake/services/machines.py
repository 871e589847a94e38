"""Batches that no person opens: one for each day and each machine that sends."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Hospital
from audit.services import record
from datasets.models import Dataset
from intake.models import DicomNode, UploadBatch, Way
from intake.policies import hospitals_of
from intake.selectors import open_datasets
from intake.services.errors import IntakeError


def batch_of_the_day(*, user: Any, node: DicomNode | None = None) -> UploadBatch:
    """Today's batch of a node (C-STORE), or of a person's program (STOW-RS); a new one where there is none with room.

    Raises IntakeError for a person of whom the hospital, or of which the dataset, is not the only one."""
    hospital, dataset = (node.hospital, node.dataset) if node is not None else _only_ones(user)
    way = Way.STOW if node is None else Way.STORE
    now = timezone.localtime()
    with transaction.atomic():
        # Two that come in the same moment get the same batch.
        Hospital.objects.select_for_update(no_key=True).get(pk=hospital.pk)
        today = UploadBatch.objects.filter(
            user=user,
            hospital=hospital,
            dataset=dataset,
            way=way,
            node=node,
            created_at__gte=now.replace(hour=0, minute=0, second=0, microsecond=0),
        )
        batch = today.select_related("hospital", "dataset").order_by("-created_at", "-pk").first()
        if batch is not None and batch.files.count() < settings.CXR_MAX_FILES_PER_BATCH:
            return batch
        title = f"{node.ae_title if node is not None else way.label} {now.date().isoformat()}"
        batch = UploadBatch.objects.create(
            user=user, hospital=hospital, dataset=dataset, title=title, way=way, node=node, created_at=now
        )
        record("batch.opened", actor=user, about=batch, hospital=hospital.number, dataset=dataset.slug, way=str(way))
    return batch


def _only_ones(user: Any) -> tuple[Hospital, Dataset]:
    hospitals, datasets = list(hospitals_of(user)[:2]), list(open_datasets()[:2])
    if len(hospitals) != 1 or len(datasets) != 1:
        raise IntakeError(
            _(
                "It is not clear for which hospital or dataset this is. Open a batch in the portal and send to "
                "/dicom-web/batches/<number of the batch>/studies."
            )
        )
    return hospitals[0], datasets[0]
