"""Every write of this app: one function per thing that a person does, each with its audit event."""

from accounts.services.access import ask, decide, withdraw_request
from accounts.services.agreements import announce_agreements, publish_agreement, sign
from accounts.services.grants import MAX_GRANT_DAYS, end_grants, revoke
from accounts.services.institutions import edit_institution, merge_institutions
from accounts.services.invitations import (
    MAX_INVITATION_DAYS,
    accept_invitation,
    end_membership,
    invite,
    resend_invitation,
    revoke_invitation,
)
from accounts.services.people import create_hospital, note_login, note_registration
from accounts.services.profile import update_profile
from accounts.services.roles import set_role
from accounts.services.tokens import issue_token, revoke_token

__all__ = [
    "MAX_GRANT_DAYS",
    "MAX_INVITATION_DAYS",
    "accept_invitation",
    "announce_agreements",
    "ask",
    "create_hospital",
    "decide",
    "edit_institution",
    "end_grants",
    "end_membership",
    "invite",
    "issue_token",
    "merge_institutions",
    "note_login",
    "note_registration",
    "publish_agreement",
    "resend_invitation",
    "revoke",
    "revoke_invitation",
    "revoke_token",
    "set_role",
    "sign",
    "update_profile",
    "withdraw_request",
]
