class CurationError(ValueError):
    """What a curator asked for cannot be done; the message says why and what to do."""


class AlreadyJudged(CurationError):  # noqa: N818
    """Somebody was first."""
