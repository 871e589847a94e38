"""Why a file is set aside: one exception, one code per reason, one English sentence that says what to do."""


def gettext_noop(text: str) -> str:
    """Marks a sentence for the tools that collect what is to be translated; who shows it translates it."""
    return text


class Refused(ValueError):  # noqa: N818 (the name says what happened to the file)
    """A file that is not passed on.

    ``code`` is a stable snake_case word for programs; ``message`` is for a person, says what to do and never
    carries anything read from the file (no names, no values, no paths).
    """

    MESSAGES = {
        "empty": gettext_noop("The file is empty. Export the image again."),
        "too_large": gettext_noop("The file is larger than this portal takes. Export a single image."),
        "not_an_image": gettext_noop(
            "This is no DICOM, JPEG, PNG or TIFF image. Export the radiograph in one of these formats."
        ),
        "not_part10": gettext_noop("This DICOM data has no file header (Part 10). Export it again as a DICOM file."),
        "truncated": gettext_noop("The file ends too early: part of the image is missing. Transfer it again."),
        "undecodable": gettext_noop(
            "The image in this file cannot be read. Export it again, uncompressed if possible."
        ),
        "decompression_bomb": gettext_noop(
            "The file unpacks to far more data than an image needs. Export the image again."
        ),
        "unsupported_sop_class": gettext_noop(
            "This DICOM object is no CR, DX or SC image. Send the radiograph itself."
        ),
        "unsupported_transfer_syntax": gettext_noop(
            "This DICOM compression is not supported. Export the image uncompressed."
        ),
        "encapsulated_document": gettext_noop(
            "This DICOM file holds a document, not an image. Send the radiograph itself."
        ),
        "structured_report": gettext_noop("This DICOM file is a report, not an image. Send the radiograph itself."),
        "no_pixels": gettext_noop("This DICOM file holds no image. Send the radiograph itself."),
        "multi_frame": gettext_noop("The file holds more than one picture. Send each radiograph as a file of its own."),
        "colour": gettext_noop("This is a colour picture. Send the radiograph in grey levels."),
        "unsupported_pixels": gettext_noop("The pixels are stored in an unusual way. Export 8 or 16 bit grey levels."),
        "too_small": gettext_noop(
            "The picture is under 100 pixels wide or high. Send the radiograph in full resolution."
        ),
        "too_many_pixels": gettext_noop(
            "The picture is larger than any radiograph. Export it at its original resolution."
        ),
        "blank": gettext_noop("Every pixel has the same value. Send the radiograph itself."),
    }

    def __init__(self, code: str) -> None:
        self.code = code
        self.message = self.MESSAGES[code]
        super().__init__(f"{code}: {self.message}")

    def __reduce__(self) -> tuple[type["Refused"], tuple[str]]:
        """Survive pickling, so that a worker process can hand it to its parent."""
        return (type(self), (self.code,))
