class IntakeError(ValueError):
    """What a person asked for cannot be done; the message says why and what to do, in their words.

    `code` is the same for programs, in any language."""

    code = "refused"


class Duplicate(IntakeError):  # noqa: N818
    """The hospital sent the same bytes before."""

    code = "duplicate"


class TooLarge(IntakeError):  # noqa: N818
    """The file is larger than the portal takes."""

    code = "too_large"


class BatchFull(IntakeError):  # noqa: N818
    """The batch has as many files as one may have."""

    code = "batch_full"


class QuotaReached(IntakeError):  # noqa: N818
    """The hospital's files that wait take all the room that it has."""

    code = "quota_reached"


class TypeNotTaken(IntakeError):  # noqa: N818
    """By its first bytes the file is of a kind that the portal does not take."""

    code = "type_not_taken"
