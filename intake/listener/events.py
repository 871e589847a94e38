"""What the portal answers: to an association request, an echo, a stored image."""

import functools
import hashlib
import ssl
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import connections
from django.utils import timezone
from pydicom.dataset import Dataset

from intake import networks, services
from intake.listener.incoming import Incoming, Provider
from intake.models import DicomNode
from intake.policies import hospitals_of
from intake.services.errors import BatchFull, Duplicate, IntakeError, QuotaReached, TooLarge

logger = structlog.get_logger(__name__)

# PS3.7 C, PS3.4 table B.2-1.
SUCCESS = 0x0000
NOT_AUTHORISED = 0x0124
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
# PS3.8 9.3.4: rejected for good, by the service user, because of ...
_CALLING_TITLE, _CALLED_TITLE = 3, 7


def _releasing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Handlers run in threads of pynetdicom's, which end without Django's knowing."""

    @functools.wraps(function)
    def wrapped(event: Any) -> Any:
        try:
            return function(event)
        finally:
            connections.close_all()

    return wrapped


def is_known_address(address: str) -> bool:
    active = DicomNode.objects.filter(is_active=True).values_list("addresses", flat=True)
    return any(networks.contain(addresses, address) for addresses in active)


def node_of(title: str, address: str, certificate: str) -> DicomNode | None:
    """The node that may send: its title alone proves nothing, so that address and certificate count too."""
    node = DicomNode.objects.filter(ae_title=title.strip(), is_active=True).select_related("user").first()
    if node is None or not networks.contain(node.addresses, address):
        return None
    if node.certificate_sha256 and node.certificate_sha256 != certificate:
        return None
    # Somebody of the hospital answers for it; who has left does not.
    return node if hospitals_of(node.user).filter(pk=node.hospital_id).exists() else None


@_releasing
def on_requested(event: Any) -> None:
    """Lets a known node in and sends everybody else away (PS3.8 9.3.4)."""
    association = event.assoc
    request = association.requestor.primitive
    address = str(association.requestor.address)
    if (request.called_ae_title or "").strip() != settings.CXR_DICOM_AE_TITLE:
        reason = _CALLED_TITLE
    else:
        line = association.dul.socket.socket if association.dul.socket is not None else None
        node = node_of(request.calling_ae_title or "", address, fingerprint(line))
        if node is not None:
            association.dimse.node = node.pk
            DicomNode.objects.filter(pk=node.pk).update(last_seen_at=timezone.now())
            return
        reason = _CALLING_TITLE
    logger.warning("dicom_association_rejected", address=address, reason=reason)
    association.acse.send_reject(1, 1, reason)
    association.kill()


def fingerprint(line: Any) -> str:
    """SHA-256 (hex) of the certificate that the other end has shown; empty for none."""
    certificate = line.getpeercert(binary_form=True) if isinstance(line, ssl.SSLSocket) else None
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def on_echo(event: Any) -> int:
    return SUCCESS


@_releasing
def on_store(event: Any) -> Dataset:
    incoming, provider = event.request.DataSet, event.assoc.dimse
    if not isinstance(incoming, Incoming) or not isinstance(provider, Provider):
        return _status(CANNOT_UNDERSTAND, "no data set")
    try:
        return _store(incoming, provider.node, str(event.request.AffectedSOPInstanceUID))
    except Exception as error:  # the message may quote the file
        logger.error("dicom_store_failed", error=type(error).__name__)
        return _status(OUT_OF_RESOURCES, "The portal failed. Try again later.")
    finally:
        provider.done(incoming)


def _store(incoming: Incoming, node: int, uid: str) -> Dataset:
    if incoming.too_large:
        return _status(OUT_OF_RESOURCES, "larger than the portal takes")
    # Asked anew for every image: an association may last for hours.
    nodes = DicomNode.objects.select_related("hospital", "dataset", "group", "user")
    found = nodes.filter(pk=node, is_active=True).first()
    if found is None or not hospitals_of(found.user).filter(pk=found.hospital_id).exists():
        return _status(NOT_AUTHORISED, "no longer allowed to send")
    sealed = incoming.finish()
    if sealed is None:
        return _status(*((OUT_OF_RESOURCES, "no room on the disk") if incoming.unwritable else (CANNOT_UNDERSTAND, "")))
    try:
        batch = services.batch_of_the_day(user=found.user, node=found)
        services.receive_file(batch=batch, user=found.user, name=f"{uid}.dcm", sealed=sealed, group=found.group)
    except Duplicate:
        pass  # it is here: an archive that is told anything but success sends it for ever
    except (BatchFull, QuotaReached, TooLarge) as error:
        return _status(OUT_OF_RESOURCES, error.code)
    except IntakeError as error:
        return _status(CANNOT_UNDERSTAND, error.code)
    except BaseException:
        sealed.discard()
        raise
    return _status(SUCCESS)


def _status(code: int, comment: str = "") -> Dataset:
    answer = Dataset()
    answer.Status = code
    if comment:
        answer.ErrorComment = comment[:64]
    return answer


def on_closed(event: Any) -> None:
    """The line is cut or the association over: what was not finished is gone."""
    if isinstance(event.assoc.dimse, Provider):
        event.assoc.dimse.close()
