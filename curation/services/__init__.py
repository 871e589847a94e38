"""What a curator decides: verdicts, and where text is painted over."""

from curation.services.errors import AlreadyJudged, CurationError
from curation.services.painting import MOST_BOXES, repaint
from curation.services.verdicts import accept, record_look, reject, retry
from curation.services.waiting import picture

__all__ = [
    "MOST_BOXES",
    "AlreadyJudged",
    "CurationError",
    "accept",
    "picture",
    "record_look",
    "reject",
    "repaint",
    "retry",
]
