class IntakeError(ValueError):
    """What a person asked for cannot be done; the message says why and what to do, in their words."""


class Duplicate(IntakeError):  # noqa: N818
    """The hospital sent the same bytes before."""
