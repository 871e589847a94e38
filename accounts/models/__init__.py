from accounts.models.access import (
    AccessGrant,
    AccessRequest,
    Agreement,
    Content,
    Notice,
    ReasonTemplate,
    RequestMessage,
    Signature,
)
from accounts.models.people import ApiToken, Hospital, HospitalMembership, Institution, Invitation, User

__all__ = [
    "AccessGrant",
    "AccessRequest",
    "Agreement",
    "ApiToken",
    "Content",
    "Hospital",
    "HospitalMembership",
    "Institution",
    "Invitation",
    "Notice",
    "ReasonTemplate",
    "RequestMessage",
    "Signature",
    "User",
]
