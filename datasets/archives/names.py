"""What the files of a release are called, after its slug and version."""

IMAGES_XLSX = "images.xlsx"
IMAGES_PARQUET = "images.parquet"
LABELS_CSV = "labels.csv"
SEGMENTATION_CSV = "segmentation.csv"
SEGMENTATION_PARQUET = "segmentation.parquet"
DETAILS_CSV = "details.csv"
DEIDENTIFICATION_CSV = "deidentification.csv"
QUALITY_CSV = "quality.csv"
README = "README.txt"
LICENSE = "LICENSE.txt"
CITATION = "CITATION.cff"
DICTIONARY = "data_dictionary.csv"
SHA256SUMS = "SHA256SUMS"
MD5SUMS = "MD5SUMS"

TEXTS = (README, LICENSE, CITATION, DICTIONARY)
SUMS = (SHA256SUMS, MD5SUMS)  # of all other files, and so built after them
# A group must not be called so: its table would have the name of another file.
TAKEN = (SEGMENTATION_CSV, DETAILS_CSV, DEIDENTIFICATION_CSV, QUALITY_CSV, DICTIONARY, LABELS_CSV)


def part_ending(part: int, parts: int) -> str:
    """What stands before ".zip": nothing for a single part, else e.g. "-part07of51"."""
    return f"-part{part:0{len(str(parts))}}of{parts}" if parts > 1 else ""
