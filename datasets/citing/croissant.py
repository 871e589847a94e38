"""Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html): what is in the files of a release,
so that programs can load images and metadata as records."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from datasets.citing.facts import Facts
from datasets.citing.files import DICOM, MEDIA_TYPES, File
from datasets.citing.linked import ACCESS, described
from datasets.citing.texts import bibtex
from datasets.metadata import IMAGE_COLUMNS, SEGMENTATION_COLUMNS

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TEXTS = {*IMAGE_COLUMNS, *SEGMENTATION_COLUMNS}
_TYPES = {
    "patient_id": "sc:Integer",
    "hospital_id": "sc:Integer",
    "age": "sc:Integer",
    "smoke_packyears": "sc:Float",
    "class_id": "sc:Integer",
    "source_id": "sc:Integer",
}  # the other columns of these tables are text; a finding is 0 or 1
_RAW = "The bytes of the file: .dcm to be read with a DICOM library, others with one for pictures."


def croissant(facts: Facts, files: Sequence[File]) -> dict[str, Any]:
    """The release as Croissant. A file's `contentUrl` is its address for who may have it, else the release's page."""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **described(facts),
        "version": _semantic(facts.version),
        "citeAs": bibtex(facts),
        "conditionsOfAccess": ACCESS,
        "distribution": [*(_object(facts, file) for file in files), *_file_sets(files)],
        "recordSet": list(_record_sets(files)),
    }


def _semantic(version: str) -> str:
    """Croissant wants three numbers."""
    return version if version.count(".") > 1 else f"{version}.0"


def _object(facts: Facts, file: File) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.address or f"{facts.page}#files",
        "contentSize": f"{file.size} B",
        "encodingFormat": file.media_type,
        "sha256": file.sha256,
        "md5": file.md5,
    }


def _parts(files: Sequence[File]) -> dict[tuple[str, str], list[File]]:
    """The ZIP files by group or source and content."""
    found: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        if file.is_zip and file.part and file.endings:
            found[file.part, file.content].append(file)
    return found


def _endings(zips: Sequence[File]) -> list[str]:
    return sorted({ending for file in zips for ending in file.endings})


def _file_sets(files: Sequence[File]) -> Iterator[dict[str, Any]]:
    """One for each ZIP file or its parts, whatever the formats in it: of several sets in one ZIP file mlcroissant 1.1
    joins only the last with the metadata."""
    for (part, content), zips in _parts(files).items():
        name, endings = f"{part}-{content}", _endings(zips)
        yield {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "containedIn": [{"@id": file.name} for file in zips],
            "encodingFormat": [MEDIA_TYPES[ending] for ending in endings],
            "includes": [f"{content}/*.{ending}" for ending in endings],
        }


def _record_sets(files: Sequence[File]) -> Iterator[dict[str, Any]]:
    """One per table of metadata, and one per set of images: where a table covers it, its rows come along."""
    tables = {file.part: file for file in files if file.columns}
    for part, of_part in tables.items():
        name = f"{part or 'all'}-metadata"
        yield {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": "One record per image, as the table of metadata has it.",
            "key": {"@id": f"{name}/filename"},
            "field": [_column(name, of_part, column) for column in of_part.columns],
        }
    for (part, content), zips in _parts(files).items():
        name = f"{part}-{content}"
        covering = tables.get(part) or tables.get("")
        # Regions and masks of a JPEG or DICOM file are PNG files: their names are the image's but for the ending.
        table = covering if content in ("radiographs", "masks") else None
        record_set = f"{name}-records"
        yield {
            "@type": "cr:RecordSet",
            "@id": record_set,
            "name": record_set,
            "description": f"One record per file in {content}/ of {zips[0].label}.",
            "key": {"@id": f"{record_set}/filename"},
            "field": [
                _of_file(record_set, name, "filename", "filename", "sc:Text", table),
                _content(record_set, name, _endings(zips)),
                *_joined(record_set, table),
            ],
        }


def _joined(record_set: str, table: File | None) -> Iterator[dict[str, Any]]:
    if table is not None:
        for column in table.columns:
            if column != "filename":
                yield _column(record_set, table, column)


def _column(record_set: str, table: File, column: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{column}",
        "name": column,
        "dataType": _TYPES.get(column, "sc:Text" if column in _TEXTS else "sc:Integer"),
        "source": {"fileObject": {"@id": table.name}, "extract": {"column": column}},
    }


def _of_file(
    record_set: str, file_set: str, name: str, file_property: str, data_type: str, table: File | None = None
) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "dataType": data_type,
        "source": {"fileSet": {"@id": file_set}, "extract": {"fileProperty": file_property}},
    }
    if table is not None:
        field["references"] = {"fileObject": {"@id": table.name}, "extract": {"column": "filename"}}
    return field


def _content(record_set: str, file_set: str, endings: Sequence[str]) -> dict[str, Any]:
    raw = DICOM in endings  # no program of Croissant's opens DICOM
    field = _of_file(record_set, file_set, "content", "content", "sc:Text" if raw else "sc:ImageObject")
    return {**field, "description": _RAW} if raw else field
