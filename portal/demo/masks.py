"""Drawn lungs with their outlines, brought in as hand-drawn masks are."""

import csv
import io
from pathlib import Path

import numpy as np
from django.core.management import call_command
from PIL import Image

from accounts.models import Agreement, User
from datasets import services
from datasets.models import Dataset
from imaging.phantoms import draw, draw_lungs
from portal.demo import texts

SIZE = (480, 440)  # height and width in px
# Of the first the images come along, of the second only the masks.
SOURCES = ("Model Hospital in Gdańsk", "Others' phantoms")
PER_SOURCE = 5


def bring_in(folder: Path, *, manager: User, curator: User) -> None:
    """Draws into `folder` and imports that; may be called again after an interruption."""
    if not Dataset.objects.filter(slug=texts.MASKS_SLUG).exists():
        services.create_dataset(
            manager=manager,
            slug=texts.MASKS_SLUG,
            kind=Dataset.Kind.SEGMENTATION,
            groups=[],
            origin="DEMO",
            title=texts.MASKS_TITLE,
            summary=texts.MASKS_SUMMARY,
            description=texts.MASKS_SUMMARY,
            licence="CC0 1.0",
            licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
            citation=texts.MASKS_CITATION,
            agreement=Agreement.objects.get(code="demo-dua"),
            is_public=True,
        )
    columns = ("mask", "image", "source", "patient", "licence", "mask_convention", "text_checked")
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for number in range(PER_SOURCE * len(SOURCES)):
            mask, image = f"phantom_{number + 1}.png", f"phantom_{number + 1}_image.png"
            Image.fromarray(np.asarray(draw_lungs(number, size=SIZE))).save(folder / mask)
            Image.fromarray(draw(number, size=SIZE)).save(folder / image)
            source = SOURCES[number // PER_SOURCE]
            # Nobody stands in a phantom's picture; PHANTOM itself is painted over.
            table.writerow((mask, image, source, number // 2, "CC0 1.0", "whole lung, behind the heart too", "yes"))
    arguments = [texts.MASKS_SLUG, str(folder / "index.csv"), "--user", manager.email]
    arguments += ["--images", "ours", "--ours", SOURCES[0], "--checked-by", curator.email]
    call_command("import_masks", *arguments, stdout=io.StringIO())
