class DatasetError(ValueError):
    """What a service refuses to do; the message is for people."""


class PublishRefused(DatasetError):  # noqa: N818
    """There is nothing to publish, or not under this version."""


class ArchiveGone(DatasetError):  # noqa: N818
    """The archive was withdrawn in this very moment."""


class LibraryFault(DatasetError):  # noqa: N818
    """A file of the library is missing or not the one that was accepted."""
