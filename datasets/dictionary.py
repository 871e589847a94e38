"""What every column of a release means: the data dictionary that goes with it, and the types of the columns.

In English, as everything that a release freezes. A test holds that no column of a table is missing here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from datasets.deidentification import COLUMNS as DEIDENTIFICATION_COLUMNS
from datasets.metadata import DETAIL_COLUMNS, IMAGE_COLUMNS, SEGMENTATION_COLUMNS, label_columns
from datasets.models import Release
from datasets.quality import COLUMNS as QUALITY_COLUMNS

Type = Literal["text", "integer", "number"]
COLUMNS = ("table", "column", "type", "unit", "values", "meaning")


@dataclass(frozen=True)
class Column:
    """`values` are those that may stand there, where they can be listed; an empty cell means unknown, always."""

    meaning: str
    type: Type = "text"
    unit: str = ""
    values: str = ""


_YES_NO = "yes, no"
_SEEN = "1 (seen), 0 (not seen)"
_SHARE = "0 to 1"
IMAGES: dict[str, Column] = {
    "origin": Column("The dataset that the image was collected for."),
    "filename": Column(
        "The name of the image, of its lung region and of its mask: Anonymous_<hospital_id>_<patient_id>_<class_id>, "
        "with _2, _3 … for further images of a patient in a class."
    ),
    "patient_id": Column("The number of the patient within the hospital; it says nothing else.", "integer"),
    "hospital": Column("The hospital that the image comes from, in its own language."),
    "hospital_eng": Column("The hospital in English."),
    "hospital_id": Column("The number of the hospital.", "integer"),
    "sex": Column("Sex of the patient.", values="F (female), M (male)"),
    "age": Column("Age at the time of the image; 90 stands for over 89.", "integer", "years", "0 to 90"),
    "smoke": Column("Whether the patient smokes.", values="yes, no, former"),
    "smoke_packyears": Column("Packs of cigarettes a day times years of smoking.", "number", "pack-years"),
    "class": Column("The diagnosis group, as the hospital diagnosed it."),
    "class_id": Column("The number of the diagnosis group.", "integer"),
    "quality": Column("The curator's verdict on the image.", values="Good, Bad"),
    "subtype": Column("The group within the class that the image's features fall into; empty until it is computed."),
    "set": Column(
        "What the image is meant for. All images of a patient are in one set, and stay in it in later versions.",
        values="train, validation, test",
    ),
}
SEGMENTATION: dict[str, Column] = {
    "source": Column("The collection or hospital that the mask comes from."),
    "source_id": Column("The number of the source.", "integer"),
    "filename": Column("The name of the mask; the image of it, where there is one, has the ending .tif."),
    "set": IMAGES["set"],
}
DETAILS: dict[str, Column] = {
    "filename": SEGMENTATION["filename"],
    "image": Column("The name of the image that the mask was drawn on, where it may be handed out."),
    "mask_convention": Column("What counts as lung in this mask, e.g. without the heart."),
    "image_licence": Column("The licence of the image; it binds you as well."),
    "width": Column("Width of the mask.", "integer", "px"),
    "height": Column("Height of the mask.", "integer", "px"),
}
DEIDENTIFICATION: dict[str, Column] = {
    "filename": Column("The name of the image."),
    "profile": Column("The de-identification profile (DICOM PS3.15)."),
    "options": Column("Codes of the options of the profile (DICOM PS3.16, CID 7050), with '; ' between."),
    "software_version": Column("The version of the program that de-identified the image."),
    "key_id": Column("Which key the pseudonyms were made with; the key itself stays secret."),
    "kept_count": Column("How many attributes were kept.", "integer"),
    "kept": Column("The attributes that were kept, by rule; never values."),
    "replaced_count": Column("How many attributes were replaced.", "integer"),
    "replaced": Column("The attributes that were replaced, by rule; never values."),
    "removed_count": Column("How many attributes were removed.", "integer"),
    "removed": Column("The attributes that were removed, by rule; never values."),
    "text_version": Column("The version of the search for text in the picture."),
    "text_boxes": Column("In how many places of the picture text was found.", "integer"),
    "text_painted": Column("How many of them were painted over.", "integer"),
    "text_markers": Column("How many of them are side markers and stayed.", "integer"),
    "text_by_detector": Column("How many of them the program found.", "integer"),
    "text_by_person": Column("How many of them a person marked.", "integer"),
    "text_doubtful": Column("Whether the program was in doubt about text in the picture.", values=_YES_NO),
    "text_checked": Column("Whether a person looked at the picture for text.", values=_YES_NO),
    "warnings": Column("What else was noticed, as codes with '; ' between."),
}
QUALITY: dict[str, Column] = {
    "filename": Column("The name of the image."),
    "quality": IMAGES["quality"],
    "proposed_quality": Column("What the quality check proposed; an outlier is Bad.", values="Good, Bad"),
    "reasons": Column("Why it proposed Bad, as codes with '; ' between."),
    "confidences": Column("How sure it was of each reason, in the order of `reasons`.", values=_SHARE),
    "score": Column("Segmentation score: the mean of the four properties of the lungs.", "number", values=_SHARE),
    "score_normalised": Column("The score against all images of this release.", "number", values=_SHARE),
    "score_lower_fence": Column(
        "Below this normalised score an image is an outlier (adjusted boxplot of Hubert and Vandervieren).", "number"
    ),
    "score_outlier": Column("Whether the score is an outlier; known from 20 images on.", values=_YES_NO),
    "eccentricity": Column("Eccentricity of the lungs, scaled.", "number", values=_SHARE),
    "orientation": Column("Orientation of the lungs, scaled.", "number", values=_SHARE),
    "area": Column("Area of the lungs, scaled.", "number", values=_SHARE),
    "solidity": Column("Solidity of the lungs, scaled.", "number", values=_SHARE),
    "lung_height_px": Column("Height of the lungs in the image; under 300 it is Bad.", "integer", "px"),
    "lung_width_px": Column("Width of the lungs in the image; under 300 it is Bad.", "integer", "px"),
    "view": Column("The view, as the program recognised it."),
    "mask_confidence": Column("How sure the network was of the lung mask.", "number", values=_SHARE),
    "mask_version": Column("The network that drew the lung mask."),
}
_KNOWN = {**IMAGES, **SEGMENTATION, **DETAILS}


def types(columns: tuple[str, ...]) -> dict[str, Type]:
    """The types of columns of the metadata."""
    return {name: _KNOWN[name].type for name in columns}


def tables(release: Release) -> Iterator[tuple[str, dict[str, Column]]]:
    """The tables of a release, each with its columns in their order."""
    deidentification = ("deidentification", {name: DEIDENTIFICATION[name] for name in DEIDENTIFICATION_COLUMNS})
    if release.dataset.is_segmentation:
        yield "segmentation", {name: SEGMENTATION[name] for name in SEGMENTATION_COLUMNS}
        yield "details", {name: DETAILS[name] for name in DETAIL_COLUMNS}
        yield deidentification
        return
    findings = dict(release.about.get("findings", []))
    if not release.about.get("labels_only"):
        yield "images", {name: IMAGES[name] for name in IMAGE_COLUMNS}
    if findings or release.about.get("labels_only"):
        said = {code: Column(f"Finding: {label}.", "integer", values=_SEEN) for code, label in findings.items()}
        yield "labels", {name: said.get(name) or IMAGES[name] for name in label_columns(findings)}
    yield deidentification
    yield "quality", {name: QUALITY[name] for name in QUALITY_COLUMNS}


def rows(release: Release) -> Iterator[dict[str, Any]]:
    """The data dictionary by COLUMNS."""
    for table, columns in tables(release):
        for name, column in columns.items():
            values = column.values
            if name in ("class", "class_id"):
                values = ", ".join(_classes(release, label=name == "class"))
            yield {
                "table": table,
                "column": name,
                "type": column.type,
                "unit": column.unit or None,
                "values": values or None,
                "meaning": column.meaning,
            }


def _classes(release: Release, *, label: bool) -> list[str]:
    groups = release.about.get("groups", {})
    return [str(words if label else number) for number, words in groups.items()]


def paragraphs(release: Release) -> Iterator[str]:
    """The data dictionary as lines of a README."""
    yield "The columns (an empty cell means unknown):"
    table = ""
    for row in rows(release):
        if row["table"] != table:
            table = row["table"]
            yield from ("", f"{table} (and metadata.csv in the ZIPs)" if table == "images" else table)
        said = [row["type"], row["unit"], row["values"]]
        yield f"  {row['column']}   {row['meaning']} [{'; '.join(word for word in said if word)}]"
    yield ""
