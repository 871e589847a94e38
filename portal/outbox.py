"""The mails of the embedded installation, as Django's file backend wrote them."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from django.conf import settings

_SEPARATOR = b"\n" + b"-" * 79 + b"\n"


@dataclass(frozen=True)
class Mail:
    name: str
    at: datetime
    to: str
    subject: str
    text: str


def newest(limit: int | None = 100) -> list[Mail]:
    """The mails in the outbox folder, newest first."""
    mails = []
    for path in sorted(settings.CXR_OUTBOX.glob("*.log"), reverse=True)[:limit]:
        for number, raw in enumerate(path.read_bytes().split(_SEPARATOR)):
            if not raw.strip():
                continue
            message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
            body = message.get_body(preferencelist=("plain",))
            mails.append(
                Mail(
                    name=f"{path.stem}-{number}",
                    at=parsedate_to_datetime(message["Date"]),
                    to=str(message["To"]),
                    subject=str(message["Subject"]),
                    text=body.get_content() if body is not None else "",
                )
            )
    return sorted(mails, key=lambda mail: mail.at, reverse=True)[:limit]
