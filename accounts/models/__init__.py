from accounts.models.access import AccessGrant, AccessRequest, Agreement, Signature
from accounts.models.people import ApiToken, Hospital, HospitalMembership, Invitation, User

__all__ = [
    "AccessGrant",
    "AccessRequest",
    "Agreement",
    "ApiToken",
    "Hospital",
    "HospitalMembership",
    "Invitation",
    "Signature",
    "User",
]
