"""Who may connect, and how much: before a byte is read, before a handshake holds anything up, and for every PDU."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import structlog
from django.conf import settings
from django.db import connections
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from imaging.formats.dicom import SOP_CLASSES
from imaging.formats.pixeldata import SYNTAXES
from intake.listener import events
from intake.listener.incoming import Provider

logger = structlog.get_logger(__name__)

VERIFICATION = "1.2.840.10008.1.1"
PDU_BYTES = 128 * 1024  # offered to senders (PS3.8 D.1); also of an association request, which has some kilobytes
TIMEOUT = 30  # seconds in which something has to come
_OURSELVES = ("127.0.0.1", "::1")  # the container's own health check
_SPARE = 2  # connections per association allowed: those that are still to be told that there are too many


class _Handler(RequestHandler):
    def handle(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            # In the connection's own thread: who stalls here keeps nobody else waiting.
            self.request.do_handshake()
        super().handle()

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dimse = Provider(association)
        line = association.dul.socket
        if line is not None:
            line.recv = _bounded(line.recv)  # type: ignore[method-assign, assignment]
        return association


def _bounded(recv: Callable[[int], bytearray]) -> Callable[[int], bytearray]:
    """A PDU says its own length, up to 4 GiB; pynetdicom would wait for all of it."""

    def receive(count: int) -> bytearray:
        if count > PDU_BYTES:
            raise OSError("PDU longer than offered")
        return recv(count)

    return receive


class Server(ThreadedAssociationServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        line, address = self.socket.accept()  # type: ignore[union-attr]
        line.settimeout(TIMEOUT)
        if self.ssl_context is not None:
            line = self.ssl_context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
        return line, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whoever comes from nowhere that we know is not even spoken to."""
        try:
            known = events.is_known_address(client_address[0])
        finally:
            connections.close_all()
        if known and len(self.active_associations) < _SPARE * self.ae.maximum_associations:
            return True
        if client_address[0] not in _OURSELVES:
            logger.warning("dicom_connection_refused", address=client_address[0], known=known)
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A failed handshake, most often; the traceback would say nothing more."""
        logger.warning("dicom_connection_failed", address=client_address[0])


def tls() -> ssl.SSLContext | None:
    """TLS as the settings want it (PS3.15 B.12: the BCP 195 profile); None without a certificate."""
    if not settings.CXR_DICOM_TLS_CERT:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.CXR_DICOM_TLS_CERT, settings.CXR_DICOM_TLS_KEY or None)
    if settings.CXR_DICOM_TLS_CLIENT_CA:
        context.load_verify_locations(Path(settings.CXR_DICOM_TLS_CLIENT_CA))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def make_server(host: str, port: int) -> Server:
    """A server that listens on host and port (0: any that is free); `serve_forever` and `shutdown` are the caller's."""
    # pynetdicom logs what it reads, names of patients included.
    _config.LOG_HANDLER_LEVEL = "none"
    ae = AE(ae_title=settings.CXR_DICOM_AE_TITLE)
    ae.maximum_associations = settings.CXR_DICOM_ASSOCIATIONS
    ae.maximum_pdu_size = PDU_BYTES - 6
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = TIMEOUT
    ae.add_supported_context(VERIFICATION)
    for sop_class in SOP_CLASSES:
        ae.add_supported_context(sop_class, list(SYNTAXES))
    handlers: list[Any] = [
        (evt.EVT_REQUESTED, events.on_requested),
        (evt.EVT_C_ECHO, events.on_echo),
        (evt.EVT_C_STORE, events.on_store),
        (evt.EVT_CONN_CLOSE, events.on_closed),
    ]
    server = cast(
        Server,
        ae.make_server(
            (host, port), ssl_context=tls(), evt_handlers=handlers, server_class=Server, request_handler=_Handler
        ),
    )
    with contextlib.suppress(AttributeError):
        ae._servers.append(server)  # `shutdown` takes it out again
    return server
