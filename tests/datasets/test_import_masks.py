"""Bringing masks in by a table: what comes in, what is told by row, and that it can be done again."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import storages
from django.core.management.base import CommandError
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from audit.models import Event
from datasets.models import SegmentationEntry, SegmentationSource
from datasets.segmentation.licences import may_be_passed_on
from datasets.segmentation.sets import Member, give_sets, set_of
from imaging.phantoms import draw
from tests.datasets.library import Library, new_file
from tests.datasets.masks import Folder, lungs, picture


@pytest.fixture
def folder(tmp_path: Path, library: Library) -> Folder:
    root = tmp_path / "collection"
    root.mkdir()
    return Folder(root, library)


def stored(path: str) -> bytes:
    with storages["library"].open(path) as file:
        return file.read()


def entry(name: str = "m0.png") -> SegmentationEntry:
    return SegmentationEntry.objects.select_related("source").get(filename=name)


def test_masks_come_in_with_their_sources_and_sets(folder: Folder) -> None:
    folder.row(set="Train", patient="P1", licence="CC BY 4.0", mask_convention="without the heart")
    folder.row(set="hold-out test", source="theirs")
    out, err = folder.run()
    assert "2 added" in out
    assert err == ""
    one = entry()
    assert (one.source.source, one.source.source_id, one.set) == ("ours", 1, "train")
    assert (one.convention, one.licence, one.width, one.height) == ("without the heart", "CC BY 4.0", 320, 340)
    assert (entry("m1.png").source.source_id, entry("m1.png").set) == (2, "test")
    with Image.open(BytesIO(stored(one.mask.name))) as image:
        assert image.mode == "1"
        assert (np.asarray(image) == lungs()).all()
    assert folder.dataset.is_segmentation
    assert not folder.dataset.is_public
    assert "P1" not in str(list(SegmentationEntry.objects.values()))
    assert not Event.objects.filter(data__icontains="P1").exists()


def test_only_pixels_of_masks_and_images_survive(folder: Folder) -> None:
    info = PngInfo()
    info.add_text("Comment", "Kowalski Jan")
    Image.fromarray(lungs()).save(folder.root / "a.png", pnginfo=info)
    Image.fromarray(picture()).save(folder.root / "a.jpg", comment=b"Kowalski Jan", quality=95)
    folder.row(mask="a.png", image="a.jpg")
    folder.run(*folder.with_images())
    one = entry("a.png")
    assert b"Kowalski" not in stored(one.mask.name) + stored(one.image.name)
    with Image.open(BytesIO(stored(one.image.name))) as image, Image.open(folder.root / "a.jpg") as sent:
        assert (image.format, image.mode) == ("TIFF", "L")
        assert (np.asarray(image) == np.asarray(sent)).all()


def test_images_come_only_where_they_may(folder: Folder) -> None:
    for source, licence in (
        ("ours", ""),
        ("theirs", "CC BY-NC-SA 4.0"),
        ("theirs", "unstated"),
        ("theirs", "CC BY-ND"),
    ):
        number = len(folder.rows)
        folder.row(image=folder.image(f"i{number}.png", number), source=source, licence=licence)
    folder.run()
    assert [bool(one.image) for one in SegmentationEntry.objects.order_by("filename")] == [False] * 4
    with pytest.raises(CommandError, match="checked-by"):
        folder.run("--images", "licensed")
    with pytest.raises(CommandError, match="curator"):
        folder.run("--images", "licensed", "--checked-by", folder.manager.email)
    folder.run(*folder.with_images())
    assert [bool(one.image) for one in SegmentationEntry.objects.order_by("filename")] == [True, False, False, False]
    folder.run("--images", "licensed", "--checked-by", folder.curator.email)
    assert [bool(one.image) for one in SegmentationEntry.objects.order_by("filename")] == [True, True, False, False]
    assert SegmentationSource.objects.get(source="ours").images_ours
    assert not SegmentationSource.objects.get(source="theirs").images_ours


@pytest.mark.parametrize(
    ("licence", "may"),
    [
        ("CC BY 4.0", True), ("cc-by-nc-sa", True), ("CC0 1.0", True), ("CC BY-SA 3.0 Unported", True),
        ("Public domain", True), ("CC BY-NC-ND 4.0", False), ("unstated", False), ("", False),
        ("listed as authorized for everyone", False), ("CC BY 4.0 for members only", False),
    ],
)  # fmt: skip
def test_licences_are_known_by_name(licence: str, may: bool) -> None:
    assert may_be_passed_on(licence) == may


def test_what_may_show_text_is_for_a_person(folder: Folder) -> None:
    page = Image.fromarray(draw(1, size=(340, 320)))
    # Print over a tenth of the picture: the search says itself that somebody should look.
    ImageDraw.Draw(page).multiline_text(
        (8, 8), "\n".join(["KOWALSKI JAN 1956"] * 14), fill=255, font=ImageFont.load_default(20)
    )
    page.save(folder.root / "text.png")
    folder.row(image="text.png")
    out, _err = folder.run(*folder.with_images())
    assert "row 2: the image may show text" in out
    assert not entry().image
    folder.rows[0]["text_checked"] = "yes"
    folder.run(*folder.with_images())
    one = entry()
    assert one.image
    assert any(box["painted"] for box in one.deid_report["text"])


def test_a_second_run_changes_nothing_and_an_interrupted_one_goes_on(folder: Folder) -> None:
    folder.row(image=folder.image("i0.png"))
    folder.run(*folder.with_images())
    before = SegmentationEntry.objects.values().get()
    folder.row()
    out, _err = folder.run(*folder.with_images())
    assert "1 there already" in out
    assert "1 added" in out
    assert SegmentationEntry.objects.values().get(filename="m0.png") == before
    assert len(storages["library"].listdir("masks/masks")[0]) == 2


def test_another_mask_under_a_name_is_told_and_taken_only_on_demand(
    folder: Folder, django_capture_on_commit_callbacks: Any
) -> None:
    folder.row()
    folder.run()
    before = entry()
    folder.mask("m0.png", seed=9)
    with pytest.raises(CommandError):
        folder.run()
    assert "row 2: Another mask" in folder.said
    assert entry().mask_sha256 == before.mask_sha256
    with django_capture_on_commit_callbacks(execute=True):
        folder.run("--replace")
    assert entry().mask_sha256 != before.mask_sha256
    assert not storages["library"].exists(before.mask.name)


def test_a_dry_run_writes_nothing(folder: Folder) -> None:
    folder.row()
    out, _err = folder.run("--dry-run")
    assert "1 good" in out
    assert not SegmentationEntry.objects.exists()
    assert not SegmentationSource.objects.exists()


def test_every_bad_row_is_told_by_its_number_and_the_others_come_in(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes((folder.root / folder.mask("x.png")).read_bytes())
    (folder.root / "link.png").symlink_to(tmp_path / "outside.png")
    (folder.root / "loop.png").symlink_to(folder.root / "loop.png")
    Image.new("1", (12_000, 12_000)).save(folder.root / "bomb.png")
    Image.fromarray(draw(1, size=(340, 320))).save(folder.root / "grey.png")
    Image.fromarray(lungs()).convert("L").save(folder.root / "soft.jpg", quality=60)
    (folder.root / "cut.png").write_bytes((folder.root / "x.png").read_bytes()[:60])
    small = folder.mask("small.png", size=(300, 300))
    image = folder.image("i.png")
    expected = {
        2: ({"mask": "soft.jpg", "filename": "soft"}, None),
        3: ({"mask": "../outside.png"}, "leads out"),
        4: ({"mask": str(tmp_path / "outside.png")}, "leads out"),
        5: ({"mask": "link.png"}, "leads out"),
        6: ({"mask": "loop.png"}, "leads out"),
        7: ({"mask": "missing.png"}, "is missing"),
        8: ({"mask": "bomb.png"}, "larger than any radiograph"),
        9: ({"mask": "grey.png"}, "two values"),
        10: ({"mask": "cut.png"}, "cannot be read|too early"),
        11: ({"mask": small, "image": image, "filename": "resized"}, "not of the image's size"),
        12: ({"mask": "x.png", "filename": "SOFT.png"}, "earlier row"),
        13: ({"mask": "x.png", "filename": "../../etc/=cmd"}, "letters, digits"),
        14: ({"mask": ""}, "no mask"),
        15: ({"mask": "x.png", "source": ""}, "no source"),
        16: ({"mask": "x.png", "set": "holiday"}, "write train"),
        17: ({"mask": "x.png", "source": "=HYPERLINK()"}, "formula"),
        18: ({"mask": "x.png", "source_id": "0"}, "number from 1"),
        19: ({"mask": "x.png", "radiograph": "Anonymous_9_9_9.png"}, "no such accepted image"),
        20: ({"mask": "x.png", "filename": "y", "set": "test", "patient": "P"}, None),
        21: ({"mask": "x.png", "filename": "z", "set": "train", "patient": "P"}, "another set"),
        22: ({"mask": "x.png", "filename": "name\x07"}, "control characters"),
    }
    folder.rows = [{"source": "ours", "filename": f"n{line}", **cells} for line, (cells, _words) in expected.items()]
    with pytest.raises(CommandError):
        folder.run()
    told = dict(line.split(": ", 1) for line in folder.said.splitlines() if line.startswith("row "))
    assert set(told) == {f"row {line}" for line, (_cells, words) in expected.items() if words}
    for line, (_cells, words) in expected.items():
        assert words is None or any(word in told[f"row {line}"] for word in words.split("|")), told[f"row {line}"]
    assert set(SegmentationEntry.objects.values_list("filename", flat=True)) == {"soft.png", "y.png"}
    assert "outside" not in folder.said
    with pytest.raises(CommandError):
        folder.run("--resize")
    assert (entry("resized.png").width, entry("resized.png").height) == (320, 340)


@pytest.mark.parametrize(("separator", "mark"), [(";", "\ufeff"), ("\t", "")])
def test_tables_of_spreadsheets_are_read(folder: Folder, separator: str, mark: str) -> None:
    folder.row()
    folder.run(separator=separator, mark=mark)
    assert entry()


def test_other_headings_and_a_second_reader(folder: Folder) -> None:
    folder.row(split="train", second=folder.mask("second.png", 3), filename="image one.jpg")
    folder.row(split="train", second="", filename="two.jpg")
    folder.run("--column", "set=split")
    table = [
        "--column",
        "set=split",
        "--column",
        "mask=second",
        "--column",
        "source=",
        "--source",
        "ours (second reader)",
    ]
    folder.run(*table, "--name-suffix", "_reader2", "--skip-without-mask")
    names = set(SegmentationEntry.objects.values_list("filename", "source__source"))
    assert names == {
        ("image one.png", "ours"),
        ("two.png", "ours"),
        ("image one_reader2.png", "ours (second reader)"),
    }
    for arguments in (("--column", "set=nowhere"), ("--column", "nothing=mask"), ("--column", "mask")):
        with pytest.raises(CommandError):
            folder.run(*arguments)


def test_what_is_known_of_sources_comes_from_a_table_of_its_own(folder: Folder) -> None:
    folder.row()
    sources = folder.root / "sources.csv"
    sources.write_text("source,source_id,licence,citation\nours,7,CC0,We and others\n")
    folder.run("--sources", str(sources))
    found = SegmentationSource.objects.get()
    assert (found.source_id, found.licence, found.citation) == (7, "CC0", "We and others")
    folder.row(source="theirs", source_id="7")
    with pytest.raises(CommandError):
        folder.run()
    assert SegmentationSource.objects.count() == 1


def test_a_mask_of_a_radiograph_of_ours(folder: Folder, library: Library) -> None:
    out = BytesIO()
    Image.fromarray(picture(5)).save(out, format="PNG")
    radiograph = library.add(image=new_file(out.getvalue()), width=320, height=340, set="test", key="k")
    folder.row(radiograph=f"polcovid/{radiograph.filename}")
    folder.run(*folder.with_images())
    one = entry()
    assert (one.radiograph, one.set) == (radiograph, "test")
    with Image.open(BytesIO(stored(one.image.name))) as image:
        assert (np.asarray(image) == picture(5)).all()


def test_only_a_data_manager_brings_masks_in(folder: Folder, library: Library) -> None:
    folder.row()
    with pytest.raises(CommandError, match="data manager"):
        folder.run(user=library.curator)


def test_sets_are_given_per_patient_and_source_and_stay(folder: Folder) -> None:
    for number in range(12):
        folder.row(mask=folder.mask("one.png"), filename=f"n{number}", patient=f"P{number // 2}")
    folder.run()
    given = dict(SegmentationEntry.objects.values_list("filename", "set"))
    for number in range(0, 12, 2):
        assert given[f"n{number}.png"] == given[f"n{number + 1}.png"]
    folder.rows = [{"mask": "one.png", "source": "ours", "filename": "later", "patient": "P3"}]
    folder.run()
    assert entry("later.png").set == given["n6.png"]


def test_sets_fill_each_source_to_its_shares() -> None:
    members = [Member(f"{source}{number}", source, 1 + number % 3) for source in "ab" for number in range(100)]
    given = give_sets(members, {}, seed="1")
    for source in "ab":
        images = {name: sum(m.images for m in members if m.source == source and given[m.patient] == name)
                  for name in ("train", "validation", "test")}  # fmt: skip
        total = sum(images.values())
        assert abs(images["train"] / total - 0.7) < 0.03
        assert abs(images["test"] / total - 0.15) < 0.03
    assert give_sets(reversed(members), {}, seed="1") == given
    assert give_sets(members, {}, seed="2") != given
    kept = give_sets(members, {"a0": "test"}, seed="1")
    assert kept["a0"] == "test"
    assert (set_of("Hold-out test"), set_of("VAL"), set_of("nonsense")) == ("test", "validation", None)
