"""Every write of this app: one function per thing that a person does, each with its audit event."""

from accounts.services.access import (
    ask,
    save_request,
    submit_request,
    withdraw_request,
    withdraw_requests,
    write_message,
)
from accounts.services.agreements import announce_agreements, publish_agreement, sign
from accounts.services.decisions import ask_more, decide, delete_reason, save_reason
from accounts.services.grants import MAX_GRANT_DAYS, default_days, end_grants, revoke
from accounts.services.institutions import edit_institution, merge_institutions
from accounts.services.invitations import (
    MAX_INVITATION_DAYS,
    accept_invitation,
    end_membership,
    invite,
    resend_invitation,
    revoke_invitation,
)
from accounts.services.leaving import close_account, lock_account, unlock_account
from accounts.services.people import create_hospital, note_login, note_registration
from accounts.services.profile import update_profile
from accounts.services.reminders import housekeeping
from accounts.services.roles import set_role
from accounts.services.tokens import issue_token, revoke_token

__all__ = [
    "MAX_GRANT_DAYS",
    "MAX_INVITATION_DAYS",
    "accept_invitation",
    "announce_agreements",
    "ask",
    "ask_more",
    "close_account",
    "create_hospital",
    "decide",
    "default_days",
    "delete_reason",
    "edit_institution",
    "end_grants",
    "end_membership",
    "housekeeping",
    "invite",
    "issue_token",
    "lock_account",
    "merge_institutions",
    "note_login",
    "note_registration",
    "publish_agreement",
    "resend_invitation",
    "revoke",
    "revoke_invitation",
    "revoke_token",
    "save_reason",
    "save_request",
    "set_role",
    "sign",
    "submit_request",
    "unlock_account",
    "update_profile",
    "withdraw_request",
    "withdraw_requests",
    "write_message",
]
