"""Every write of this app: one function per thing that a person does, each with its audit event."""

from accounts.services.access import ask, decide, withdraw_request
from accounts.services.agreements import publish_agreement, sign
from accounts.services.grants import MAX_GRANT_DAYS, end_grants, revoke
from accounts.services.people import accept_invitation, create_hospital, invite, note_login, note_registration
from accounts.services.tokens import issue_token, revoke_token

__all__ = [
    "MAX_GRANT_DAYS",
    "accept_invitation",
    "ask",
    "create_hospital",
    "decide",
    "end_grants",
    "invite",
    "issue_token",
    "note_login",
    "note_registration",
    "publish_agreement",
    "revoke",
    "revoke_token",
    "sign",
    "withdraw_request",
]
