"""What the scheduler does about the trail: anchors it, checks it, notes changed settings, and tells people."""

import hashlib
import hmac
import logging
import re
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from audit import anchors
from audit.anchors import ANCHORED, RESTARTED
from audit.keys import audit_key
from audit.models import Event
from audit.services import record
from audit.verification import Result, check

_log = logging.getLogger(__name__)
_DAY = timedelta(hours=24)
SETTINGS = "settings.changed"
# Whose values are secrets, or hold some: an address with a password in it, a key, a token.
_SECRET = re.compile(r"(URL|KEY|TOKEN|PASSWORD|SECRET|PROVIDERS)$")


def anchor() -> anchors.Anchor | None:
    """Writes an anchor where there is something new.

    Once a day the trail notes how many there are, and that day's line goes by mail to CXR_ANCHOR_MAIL. Where the trail
    and the anchors contradict each other, data managers are told and nothing is written, to either.
    """
    try:
        lines, broken = anchors.compare()
        daily = bool(lines) and _is_due()
        if daily:
            record(ANCHORED, anchors=len(lines) + len(broken), mac=lines[-1].mac[:16])
        written = anchors.write()
    except anchors.AnchorMismatchError as error:
        _log.error("the audit trail and its anchors contradict each other")
        _tell_managers([str(error)])
        return None
    if written is not None and daily and settings.CXR_ANCHOR_MAIL:
        EmailMessage(
            subject=f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}Anchor of the audit trail, event {written.number}",
            body=(
                "Keep this mail: it proves what the audit trail was. To compare,\n"
                f"    manage.py verify_audit --anchor {written.number}:{written.hash}\n\n{written.line()}"
            ),
            to=settings.CXR_ANCHOR_MAIL,
        ).send()
    return written


def _is_due() -> bool:
    """Whether a day has passed since the trail last spoke of its anchors, and something else happened meanwhile."""
    last = Event.objects.filter(action__in=[ANCHORED, RESTARTED]).order_by("-number").values("number", "at").first()
    if last is None:
        return True
    return last["at"] <= timezone.now() - _DAY and Event.objects.filter(number__gt=last["number"]).exists()


def restart(actor: Any = None) -> None:
    """After a backup was restored: the old file of anchors is kept under another name, a new one begins, and the trail
    says so."""
    anchors.set_aside()
    record(RESTARTED, actor=actor, anchors=0)
    anchors.write()


def verify() -> Result:
    """The whole check; faults go to the log and, by mail, to the data managers."""
    result = check()
    if not result.sound:
        _log.error("the audit trail has %s faults", result.faults)
        _tell_managers(result.words)
    return result


def _tell_managers(words: list[str]) -> None:
    people = get_user_model().objects.filter(is_data_manager=True, is_active=True)
    for person in people:
        with translation.override(person.language or settings.LANGUAGE_CODE):
            EmailMessage(
                subject=settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + _("The audit trail was changed"),
                body=_(
                    "The check of the audit trail found what must not be. Tell your operator, and change nothing until "
                    "it is clear what happened: docs/operators.md says what to do."
                )
                + "\n\n"
                + "\n".join(words)
                + f"\n\n{settings.CXR_ORIGIN}/manage/audit/\n",
                to=[person.email],
            ).send()


def _fingerprints() -> dict[str, str]:
    """A keyed hash of every setting that an institute makes and that is no secret, by its name."""
    names = [name for name in dir(settings) if name.startswith("CXR_") and not _SECRET.search(name)]
    return {
        name: hmac.new(audit_key(), f"{name}={getattr(settings, name)!r}".encode(), hashlib.sha256).hexdigest()[:16]
        for name in sorted([*names, "ALLOWED_HOSTS", "DEBUG", "TIME_ZONE"])
    }


def note_settings() -> Event | None:
    """Records which settings are not what they were when this was last called: their names, never their values."""
    now = _fingerprints()
    said = Event.objects.filter(action=SETTINGS).order_by("-number").values_list("data", flat=True).first()
    before = said["fingerprints"] if said else {}
    changed = sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
    if not changed:
        return None
    return record(SETTINGS, changed=changed if said else [], fingerprints=now)
