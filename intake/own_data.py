"""What this app stores about a person, for the person's own export: counts, no file and no patient."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from accounts.models import User
from intake.models import UploadBatch


def uploads(user: User) -> Iterator[dict[str, Any]]:
    batches = UploadBatch.objects.filter(user=user).select_related("hospital", "dataset").order_by("pk")
    for batch in batches.iterator(chunk_size=500):
        yield {
            "batch": batch.pk,
            "title": batch.title,
            "hospital": str(batch.hospital),
            "dataset": batch.dataset.title,
            "opened_at": batch.created_at,
            "files": dict(Counter(batch.files.values_list("stage", flat=True))),
        }


def nodes(user: User) -> Iterator[dict[str, Any]]:
    for node in user.nodes.select_related("hospital").order_by("pk"):
        yield {"ae_title": node.ae_title, "hospital": str(node.hospital), "addresses": node.addresses}
