"""The DICOM listener over real sockets, with pynetdicom's storescu as the hospital's archive, and without good will."""

import datetime
import io
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import LazySettings
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE

from accounts.models import HospitalMembership
from imaging.formats.dicom import SOP_CLASSES
from imaging.formats.pixeldata import SYNTAXES
from intake import names, originals, quarantine, services
from intake.listener.server import Server, make_server
from intake.models import DicomNode, Stage, UploadBatch, UploadedFile
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

CT, CR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1"
ECHO = "1.2.840.10008.1.1"
Listen = Callable[[], Server]
Connect = Callable[..., Association]


@pytest.fixture
def node(world: World) -> DicomNode:
    return DicomNode.objects.create(
        ae_title="SZPITAL_PACS",
        hospital=world.hospital,
        dataset=world.dataset,
        user=world.hospital_user,
        addresses="10.9.8.0/24, 127.0.0.1",
    )


@pytest.fixture
def listen(node: DicomNode, settings: LazySettings) -> Iterator[Listen]:
    running: list[tuple[Server, threading.Thread]] = []

    def start() -> Server:
        server = make_server("127.0.0.1", 0)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        for association in server.active_associations:
            association.abort()
            association.join(10)
        server.shutdown()
        thread.join(10)


@pytest.fixture
def connect(listen: Listen) -> Iterator[Connect]:
    """An association with a listener; `server` to have several with one."""
    opened: list[Association] = []

    def associate(
        title: str = "SZPITAL_PACS",
        called: str = "CXRCOMMONS",
        contexts: tuple[str, ...] = (CR, ECHO),
        server: Server | None = None,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> Association:
        ae = AE(ae_title=title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
        for context in contexts:
            ae.add_requested_context(context, None if context == ECHO else ExplicitVRLittleEndian)
        port = (server or listen()).server_address[1]
        opened.append(ae.associate("127.0.0.1", port, ae_title=called, tls_args=tls))
        return opened[-1]

    yield associate
    for association in opened:
        if association.is_established:
            association.release()


def _data(dicom: bytes, **changes: str) -> pydicom.FileDataset:
    data = pydicom.dcmread(io.BytesIO(dicom))
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    return data


def _new(world: World) -> Any:
    return UploadedFile.objects.exclude(pk__in=[file.pk for file in world.files.values()])


def _until(true: Callable[[], Any]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_storescu_stores_and_the_image_goes_its_way(
    listen: Listen, world: World, node: DicomNode, dicom: bytes, tmp_path: Path
) -> None:
    (tmp_path / "image.dcm").write_bytes(dicom)
    port = str(listen().server_address[1])
    common = ["127.0.0.1", port, "-aet", "SZPITAL_PACS", "-aec", "CXRCOMMONS"]
    program = [sys.executable, "-m", "pynetdicom"]
    subprocess.run([*program, "echoscu", *common], check=True, timeout=300)
    for _ in range(2):  # the second time it is there already, and that is a success too
        subprocess.run([*program, "storescu", *common, str(tmp_path / "image.dcm")], check=True, timeout=300)
    file = _new(world).get()
    sent = _data(dicom)
    assert names.reveal(file.sealed_name) == f"{sent.SOPInstanceUID}.dcm"
    assert (file.batch.node, file.batch.way, file.batch.user) == (node, "store", world.hospital_user)
    assert (file.hospital, file.group) == (world.hospital, None)
    with originals.opened(file.pk, file.sha256) as original:
        stored = pydicom.dcmread(io.BytesIO(original.read()))
    # In Implicit VR, which storescu prefers, private attributes lose their representation and pixels are OW.
    for kept, given in zip(stored, sent, strict=True):
        assert kept.tag == given.tag
        assert kept.tag.is_private or kept.value == given.value
    services.run_stage(file.pk, "task")
    file.refresh_from_db()
    assert (file.stage, file.facts["sop_class"]) == (Stage.DEIDENTIFY, CR)
    node.refresh_from_db()
    assert node.last_seen_at is not None


def test_one_batch_a_day_and_what_the_data_manager_said_of_the_images(
    connect: Connect, world: World, node: DicomNode, dicom: bytes
) -> None:
    DicomNode.objects.filter(pk=node.pk).update(group=world.other_group)
    association = connect()
    for number in range(3):
        assert association.send_c_store(_data(dicom, SOPInstanceUID=f"1.2.3.{number}")).Status == 0x0000
    assert UploadBatch.objects.filter(node=node).count() == 1
    assert {file.group for file in _new(world)} == {world.other_group}


def test_every_radiograph_in_every_compression_that_can_be_read_and_nothing_else(listen: Listen) -> None:
    ae = AE(ae_title="SZPITAL_PACS")
    for sop_class in SOP_CLASSES:
        for syntax in SYNTAXES:
            ae.add_requested_context(sop_class, syntax)
    ae.add_requested_context(CT)
    association = ae.associate("127.0.0.1", listen().server_address[1], ae_title="CXRCOMMONS")
    accepted = {(cx.abstract_syntax, cx.transfer_syntax[0]) for cx in association.accepted_contexts}
    association.release()
    assert accepted == {(sop_class, syntax) for sop_class in SOP_CLASSES for syntax in SYNTAXES}


def test_strangers_are_sent_away(connect: Connect, listen: Listen, world: World, node: DicomNode, dicom: bytes) -> None:
    other = DicomNode.objects.create(
        ae_title="OTHER_PACS",
        hospital=world.other_hospital,
        dataset=world.dataset,
        user=world.other_hospital_user,
        addresses="10.1.1.1",
    )
    server = listen()
    assert connect("NOBODY", server=server).is_rejected
    assert connect(called="ANY-SCP", server=server).is_rejected
    # The title of another hospital's archive, from an address that is not that hospital's.
    assert connect("OTHER_PACS", server=server).is_rejected
    assert connect(server=server).is_established
    HospitalMembership.objects.filter(user=world.hospital_user).delete()
    assert connect(server=server).is_rejected
    assert not _new(world).exists()
    # Nobody may come from here any more: not even the handshake is answered.
    DicomNode.objects.exclude(pk=other.pk).update(is_active=False)
    association = connect(server=server)
    assert not association.is_established
    assert not association.is_rejected


def test_who_may_no_longer_send_is_told_with_the_next_image(
    connect: Connect, world: World, node: DicomNode, dicom: bytes
) -> None:
    association = connect()
    DicomNode.objects.update(is_active=False)
    assert association.send_c_store(_data(dicom)).Status == 0x0124
    assert not list(quarantine.blobs())


def test_without_room_the_archive_is_told_to_wait(
    connect: Connect, world: World, dicom: bytes, settings: LazySettings
) -> None:
    association = connect()
    settings.CXR_MAX_FILE_BYTES = len(dicom) // 2
    answer = association.send_c_store(_data(dicom))
    assert (answer.Status, "larger" in answer.ErrorComment) == (0xA700, True)
    settings.CXR_MAX_FILE_BYTES = 2 * len(dicom)
    world.hospital.quota_gb = 0
    world.hospital.save()
    assert association.send_c_store(_data(dicom)).Status == 0xA700
    assert not list(quarantine.blobs())


def test_an_endless_data_set_is_cut_off(connect: Connect, dicom: bytes, settings: LazySettings) -> None:
    settings.CXR_MAX_FILE_BYTES = len(dicom) // 20
    association = connect()
    association.send_c_store(_data(dicom))
    _until(lambda: association.is_aborted)
    assert not list(quarantine.blobs())


def _request(association: Association, data: bytes) -> Iterator[Any]:
    """The PDUs of a C-STORE request, for those who want to send only some of them."""
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 1, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = CR, generate_uid()
    primitive.DataSet = io.BytesIO(data)
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    return message.encode_msg(association.accepted_contexts[0].context_id, 16_000)


def test_a_line_cut_in_the_middle_leaves_nothing(connect: Connect, world: World, dicom: bytes) -> None:
    association = connect(contexts=(CR,))
    pdus = list(_request(association, bytes(100_000)))
    for pdu in pdus[:-2]:
        association.dul.send_pdu(pdu)
    _until(lambda: list(quarantine.blobs()))
    association.abort()
    _until(lambda: not list(quarantine.blobs()))
    assert not _new(world).exists()


def test_a_data_set_of_nonsense_is_set_aside_later_like_any_file(connect: Connect, world: World) -> None:
    association = connect(contexts=(CR,))
    for pdu in _request(association, b"\xff" * 5000):
        association.dul.send_pdu(pdu)
    _until(lambda: _new(world).exists())
    file = _new(world).get()
    services.run_stage(file.pk, "task")
    file.refresh_from_db()
    assert file.stage == Stage.SET_ASIDE


@pytest.mark.parametrize(
    "sent",
    [
        b"\x01\x00\xff\xff\xff\xff" + bytes(1000),  # an association request of 4 GiB
        b"\x04\x00\x00\x00\x00\x06" + bytes(6),  # data before any association
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\x00\x00\x00\x00\x44" + b"\xff" * 0x44,
    ],
)
def test_a_line_that_speaks_nonsense_is_closed(listen: Listen, connect: Connect, sent: bytes) -> None:
    server = listen()
    with socket.create_connection(("127.0.0.1", server.server_address[1]), 20) as line:
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        while line.recv(1000):
            pass
    assert connect(server=server).is_established


def test_more_associations_than_allowed_are_rejected_for_the_moment(
    listen: Listen, connect: Connect, settings: LazySettings
) -> None:
    settings.CXR_DICOM_ASSOCIATIONS = 2
    server = listen()
    first = [connect(server=server) for _ in range(2)]
    assert all(association.is_established for association in first)
    assert connect(server=server).is_rejected
    first[0].release()
    _until(lambda: len(server.active_associations) < 2)
    assert connect(server=server).is_established


class _Authority:
    """A certificate authority that a test makes up."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = self._write(name, self._sign(self.name, self.key, authority=True))

    def _sign(self, subject: x509.Name, key: Any, *, authority: bool = False) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: Any = None) -> Path:
        path = self.folder / f"{name}.pem"
        content = certificate.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            content += key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        path.write_bytes(content)
        return path

    def issue(self, name: str) -> tuple[Path, str]:
        """Certificate and key in one file, and the fingerprint."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
        return self._write(name, certificate, key), certificate.fingerprint(hashes.SHA256()).hex()


def _trusting(authority: _Authority, certificate: Path | None = None) -> tuple[ssl.SSLContext, str]:
    context = ssl.create_default_context(cafile=str(authority.path))
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context, "localhost"


def test_tls_with_a_certificate_for_each_hospital(
    listen: Listen,
    connect: Connect,
    world: World,
    node: DicomNode,
    dicom: bytes,
    settings: LazySettings,
    tmp_path: Path,
) -> None:
    authority, stranger = _Authority(tmp_path, "portal"), _Authority(tmp_path, "stranger")
    mine, fingerprint = authority.issue("pacs")
    others, _ = authority.issue("other_hospital")
    forged, _ = stranger.issue("forged")
    DicomNode.objects.filter(pk=node.pk).update(certificate_sha256=fingerprint)
    settings.CXR_DICOM_TLS_CERT = str(authority.issue("listener")[0])
    settings.CXR_DICOM_TLS_CLIENT_CA = str(authority.path)
    server = listen()
    # One that never speaks holds nobody up.
    with socket.create_connection(("127.0.0.1", server.server_address[1]), 20):
        association = connect(server=server, tls=_trusting(authority, mine))
        assert association.is_established
        assert association.send_c_store(_data(dicom)).Status == 0x0000
    assert connect(server=server, tls=_trusting(authority, others)).is_rejected
    for wrong in (_trusting(authority, forged), _trusting(authority), None):
        association = connect(server=server, tls=wrong)
        assert not association.is_established
    assert _new(world).count() == 1


def test_a_certificate_that_is_asked_for_is_not_waived_without_tls(connect: Connect, node: DicomNode) -> None:
    DicomNode.objects.filter(pk=node.pk).update(certificate_sha256="0" * 64)
    assert connect().is_rejected
