import hashlib
import io

import pytest
from django.core.files.storage import storages

from imaging.deid.boxes import TextBox
from intake import candidates, keys, quarantine
from intake.models import Stage, UploadedFile
from tests.world import World


@pytest.fixture
def candidate(world: World) -> UploadedFile:
    """The world's file that waits for a curator, as the pipeline would have left it, with its original."""
    file = world.files[Stage.CURATE]
    sealed = quarantine.seal(io.BytesIO(b"the original"))
    blobs = storages["quarantine"]
    blobs.save(str(file.pk), blobs.open(str(sealed.id)))
    quarantine.remove(sealed.id)

    def sha256(name: str) -> str:
        with candidates.open_file(file.pk, name) as content:
            return hashlib.sha256(content.read()).hexdigest()

    file.sex, file.age, file.set, file.patient_key_hash = "F", 61, "train", "ab" * 32
    file.deid_report = {
        "format": "png",
        "key_id": keys.pseudonym_key().id,
        "text": [
            TextBox(4, 4, 20, 10, score=0.9).as_dict(),
            TextBox(50, 4, 8, 10, painted=False, score=0.8, marker="L").as_dict(),
        ],
        "text_version": "test",
        "doubtful": False,
        "output": {"name": "image.png", "size": 1, "sha256": sha256("image.png")},
    }
    file.segmentation = {"model_version": "m1", "confidence": 0.9, "mask_sha256": sha256("mask.png")}
    file.assessment = {
        "quality": "Bad",
        "score": 0.5,
        "reasons": ["resolution"],
        "region_sha256": sha256("region.png"),
        "region_mask_sha256": sha256("region_mask.png"),
        "transform": {"size": 512},
    }
    file.save()
    return file
