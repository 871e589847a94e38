"""Signed addresses of archives, for programs that carry no token: curl, wget, aria2c.

Such a link names a person, an archive and the grant that allowed it, signed with the portal's key. It opens the archive
for whoever has it, as that person, for CXR_LINK_MINUTES, and at every use the policy is asked anew.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.urls import reverse

from accounts.models import AccessGrant, User
from datasets.models import Archive

_signer = TimestampSigner(salt="datasets.links", sep=".")


class Invalid(ValueError):  # noqa: N818
    """It was never made by this portal, or the account is gone."""


class Expired(Invalid):
    """It is older than CXR_LINK_MINUTES."""


@dataclass(frozen=True)
class Link:
    user: User
    archive_id: UUID
    grant_id: int


def lifetime() -> timedelta:
    return timedelta(minutes=settings.CXR_LINK_MINUTES)


def address(user: User, archive: Archive, grant: AccessGrant) -> str:
    """The path of a link that works from now on. Its last part is the file's name, which programs keep."""
    token = _signer.sign(f"{user.pk}-{archive.pk.hex}-{grant.pk}")
    return reverse("datasets:link", args=[token, archive.filename])


def read(token: str) -> Link:
    """What a link says. Raises Expired, Invalid."""
    try:
        user, archive, grant = _signer.unsign(token, max_age=lifetime()).split("-")
    except SignatureExpired as error:
        raise Expired from error
    except BadSignature as error:
        raise Invalid from error
    person = User.objects.filter(pk=int(user), is_active=True).first()
    if person is None:
        raise Invalid
    return Link(person, UUID(archive), int(grant))
