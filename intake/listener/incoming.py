"""The data set of a C-STORE request, sealed while it arrives, and the guard that nothing else grows in memory.

pynetdicom gathers a data set in a `BytesIO`, as long as the sender likes. Here that is a writer into the quarantine,
which first writes the header of a Part 10 file (PS3.10 7.1): the data set itself is not decoded.
"""

import io
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dsutils import create_file_meta

from intake.quarantine import Sealed, Sealer

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import P_DATA

logger = structlog.get_logger(__name__)

_COMMAND_BYTES = 64 * 1024  # of a command set, which has a few hundred
_WAITING = 2  # requests that may wait for their answer; nobody negotiates more than one
_PATIENCE = 4  # times the limit of a file is read to its end, to be answered; more is cut off


class Overrun(Exception):  # noqa: N818
    """The sender goes on beyond every limit."""


class _Command(io.BytesIO):
    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > _COMMAND_BYTES:
            raise Overrun
        return super().write(data)


class Incoming(io.BytesIO):
    """A data set on its way. `too_large` and `unwritable` say why nothing of it was kept."""

    def __init__(self, message: DIMSEMessage, association: "Association") -> None:
        super().__init__()
        self._message = message
        self._association = association
        self._sealer: Sealer | None = None
        self._seen = 0
        self.too_large = self.unwritable = False

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        if not isinstance(self._message, C_STORE_RQ):
            raise Overrun  # no other request that we take has a data set
        self._seen += len(data)
        if self._seen > _PATIENCE * settings.CXR_MAX_FILE_BYTES:
            raise Overrun
        if self._seen > settings.CXR_MAX_FILE_BYTES:
            self.too_large = True
            self.discard()
        elif not self.unwritable:
            try:
                self._seal(bytes(data))
            except OSError:
                logger.exception("quarantine_write_failed")
                self.unwritable = True
                self.discard()
        return len(data)

    def _seal(self, data: bytes) -> None:
        if self._sealer is None:
            self._sealer = Sealer()
            self._sealer.write(self._part10())
        self._sealer.write(data)

    def _part10(self) -> bytes:
        command = self._message.command_set
        context = self._association._accepted_cx[self._message.context_id or 0]
        meta = create_file_meta(
            sop_class_uid=command.AffectedSOPClassUID,
            sop_instance_uid=command.AffectedSOPInstanceUID,
            transfer_syntax=context.transfer_syntax[0],
        )
        header = DicomBytesIO()
        header.write(bytes(128) + b"DICM")
        write_file_meta_info(header, meta)
        return header.getvalue()

    def finish(self) -> Sealed | None:
        """The whole, once all of it is there; None where nothing was kept. The caller owns what it gets."""
        if self._sealer is None:
            return None
        sealer, self._sealer = self._sealer, None
        try:
            return sealer.finish()
        except OSError:
            logger.exception("quarantine_write_failed")
            sealer.discard()
            self.unwritable = True
            return None

    def discard(self) -> None:
        if self._sealer is not None:
            self._sealer.discard()
            self._sealer = None


class Provider(DIMSEServiceProvider):
    """pynetdicom's own, with such a data set in every message; what breaks a rule ends the association."""

    def __init__(self, association: "Association") -> None:
        super().__init__(association)
        self._open: list[Incoming] = []
        self.node = 0  # the primary key of the DicomNode that was let in

    def receive_primitive(self, primitive: "P_DATA") -> None:
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.encoded_command_set = _Command()
            incoming = Incoming(self.message, self.assoc)
            self.message.data_set = incoming
            self._open.append(incoming)
        try:
            if self.msg_queue.qsize() > _WAITING:
                raise Overrun
            super().receive_primitive(primitive)
        except Exception as error:  # hostile bytes make parsers raise nearly anything; messages may quote them
            logger.warning("dicom_association_cut", error=type(error).__name__)
            self.message = None
            self.close()
            self.dul.event_queue.put("Evt19")  # PS3.8 9.2.2: an invalid PDU, so that an abort is sent

    def done(self, incoming: Incoming) -> None:
        """Its request was answered."""
        incoming.discard()
        if incoming in self._open:
            self._open.remove(incoming)

    def close(self) -> None:
        """Destroys what has come of requests that will not be answered any more."""
        for incoming in self._open:
            incoming.discard()
        self._open.clear()
