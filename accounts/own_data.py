"""What is stored about a person, as files that a person can read.

Other apps add what they hold: `register("downloads", exporter)` when they are ready. An exporter gives rows of plain
data, one after another; it keeps secrets and other people's data out. What goes when the account is closed goes by
`forget`, within that transaction."""

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import receipts
from accounts.errors import AccountsError
from accounts.models import AccessGrant, AccessRequest, Invitation, User
from audit.models import Event
from audit.services import record

Row = dict[str, Any]
Exporter = Callable[[User], Iterable[Row]]

_exporters: dict[str, Exporter] = {}
_forgetters: list[Callable[[User], None]] = []
_ACTIONS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}
_IN_MEMORY = 4 * 1024 * 1024


def register(name: str, exporter: Exporter, *, forget: Callable[[User], None] | None = None) -> None:
    """Adds the file `<name>.json` to everybody's export, and `forget` to the closing of an account."""
    _exporters[name] = exporter
    if forget is not None:
        _forgetters.append(forget)


def forget_everywhere(user: User) -> None:
    """Has the other apps forget what they need not keep about somebody whose account is being closed."""
    for forget in _forgetters:
        forget(user)


def export(user: User) -> IO[bytes]:
    """A ZIP of everything that is stored about the person, open for reading from its start; the caller closes it. The
    rows go through one by one, onto the disk. The export itself is in the audit trail."""
    record("person.data_exported", actor=user, about=user)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # the caller closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _read_me(user))
        for name, exporter in {**_OWN, **_exporters}.items():
            with archive.open(f"{name}.json", "w") as target:
                for piece in _json(exporter(user)):
                    target.write(piece.encode())
        for signature in user.signatures.select_related("agreement"):
            try:
                archive.writestr(f"receipts/{receipts.receipt_file_name(signature)}", receipts.receipt_pdf(signature))
            except AccountsError as error:  # the text was tampered with: the rest is still the person's
                archive.writestr(f"receipts/{signature.pk}.txt", str(error))
    file.seek(0)
    return file


def _json(rows: Iterable[Row]) -> Iterator[str]:
    """An array, row by row, indented and in plain characters."""
    yield "["
    separator = "\n"
    for row in rows:
        yield separator + json.dumps(row, indent=2, ensure_ascii=False, default=str)
        separator = ",\n"
    yield "\n]\n"


def _read_me(user: User) -> str:
    lines = [
        _("What is stored about %(name)s at %(portal)s") % {"name": user.name, "portal": settings.CXR_ORIGIN},
        "",
        _("Each file is a list that any text editor or browser opens. Times are in UTC."),
        _("Passwords, tokens and keys are stored only in a form that nobody can turn back; they are not in here."),
        _("The folder receipts holds a receipt of every agreement that you signed."),
    ]
    return "\n".join(lines) + "\n"


def _account(user: User) -> Iterator[Row]:
    yield {
        "number": user.pk,
        "name": user.name,
        "email": user.email,
        "institution": user.institution,
        "position": user.position,
        "orcid": user.orcid,
        "country": user.country,
        "purpose_of_use": user.purpose,
        "language_of_mails": user.language,
        "roles": [
            role for role, held in (("curator", user.is_curator), ("data manager", user.is_data_manager)) if held
        ],
        "hospitals": [str(hospital) for hospital in user.hospitals.all()],
        "registered_at": user.date_joined,
        "last_login_at": user.last_login,
    }


def _addresses(user: User) -> Iterator[Row]:
    for address in EmailAddress.objects.filter(user=user).order_by("pk"):
        yield {"email": address.email, "confirmed": address.verified, "primary": address.primary}


def _sign_in(user: User) -> Iterator[Row]:
    for factor in Authenticator.objects.filter(user=user).order_by("pk"):
        yield {"kind": factor.type, "added_at": factor.created_at, "last_used_at": factor.last_used_at}
    for account in SocialAccount.objects.filter(user=user).order_by("pk"):
        yield {
            "kind": account.provider,
            "id": account.uid,
            "added_at": account.date_joined,
            "known": account.extra_data,
        }


def _sessions(user: User) -> Iterator[Row]:
    for session in UserSession.objects.filter(user=user).order_by("pk"):
        yield {
            "began_at": session.created_at,
            "last_seen_at": session.last_seen_at,
            "address": session.ip,
            "browser": session.user_agent,
        }


def _tokens(user: User) -> Iterator[Row]:
    for token in user.api_tokens.order_by("pk"):
        yield {
            "name": token.name,
            "may": token.scopes,
            "made_at": token.created_at,
            "expires_at": token.expires_at,
            "last_used_at": token.last_used_at,
            "revoked_at": token.revoked_at,
        }


def _signatures(user: User) -> Iterator[Row]:
    for signature in user.signatures.select_related("agreement").order_by("pk"):
        yield {
            "number": signature.pk,
            "agreement": signature.agreement.title,
            "version": signature.agreement.version,
            "typed_name": signature.typed_name,
            "institution": signature.institution,
            "signed_at": signature.at,
            "sha256_of_the_text": signature.text_sha256,
        }


def _requests(user: User) -> Iterator[Row]:
    rows = AccessRequest.objects.filter(user=user).select_related("dataset").prefetch_related("groups", "messages")
    for row in rows.order_by("pk"):
        yield {
            "number": row.pk,
            "dataset": row.dataset.title,
            "groups": [str(group) for group in row.groups.all()],
            "contents": row.contents,
            "project": row.project,
            "purpose": row.purpose,
            "achieved_so_far": row.achieved,
            "status": row.status,
            "begun_at": row.created_at,
            "submitted_at": row.submitted_at,
            "decided_at": row.decided_at,
            "reason": row.reason,
            "conversation": [
                {"by": "you" if line.author_id == user.pk else "reviewer", "at": line.at, "text": line.text}
                for line in row.messages.all()
            ],
        }


def _grants(user: User) -> Iterator[Row]:
    rows = AccessGrant.objects.filter(user=user).select_related("dataset").prefetch_related("groups")
    for row in rows.order_by("pk"):
        yield {
            "number": row.pk,
            "dataset": row.dataset.title,
            "groups": [str(group) for group in row.groups.all()],
            "contents": row.contents,
            "request": row.request_id,
            "granted_at": row.created_at,
            "expires_at": row.expires_at,
            "ended_at": row.revoked_at,
            "ended_by": row.ended_by,
            "reason": row.revoked_reason,
        }


def _invitations(user: User) -> Iterator[Row]:
    for row in own_invitations(user).prefetch_related("hospitals").order_by("pk"):
        yield {
            "email": row.email,
            "hospitals": [str(hospital) for hospital in row.hospitals.all()],
            "invited_at": row.created_at,
            "expires_at": row.expires_at,
            "accepted_at": row.accepted_at,
        }


def _back_office(user: User) -> Iterator[Row]:
    """What the person did there, and what was done to the person's account; of other rows the number, never a name."""
    about = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    entries = LogEntry.objects.filter(Q(user=user) | about).select_related("content_type").order_by("pk")
    for entry in entries.iterator(chunk_size=500):
        kind = ".".join(entry.content_type.natural_key()) if entry.content_type else ""
        yield {
            "at": entry.action_time,
            "by": "you" if entry.user_id == user.pk else "somebody else",
            "action": _ACTIONS.get(entry.action_flag, ""),
            "about": f"{kind} {entry.object_id}".strip(),
        }


def _events(user: User) -> Iterator[Row]:
    about = Q(object_type="accounts.user", object_id=str(user.pk))
    events = Event.objects.filter(Q(actor_id=user.pk) | about).order_by("number")
    for event in events.iterator(chunk_size=500):
        yield {
            "number": event.number,
            "at": event.at,
            "by": "you" if event.actor_id == user.pk else "somebody else",
            "action": event.action,
            "about": f"{event.object_type} {event.object_id}".strip(),
            "details": event.data,
        }


def own_invitations(user: User) -> QuerySet[Invitation]:
    """What the person accepted, and what waits at an address that the person has shown to read. One that was merely
    typed in may be anybody's."""
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    waiting = Q(accepted_by=None, email__in=[address.lower() for address in confirmed])  # stored in small letters
    return Invitation.objects.filter(Q(accepted_by=user) | waiting)


_OWN: dict[str, Exporter] = {
    "account": _account,
    "email_addresses": _addresses,
    "sign_in": _sign_in,
    "sessions": _sessions,
    "tokens": _tokens,
    "signatures": _signatures,
    "requests": _requests,
    "grants": _grants,
    "invitations": _invitations,
    "back_office": _back_office,
    "audit_trail": _events,
}
