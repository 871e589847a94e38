"""Files as hospitals send them, and the ways through intake that the tests of this folder share."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imaging import phantoms
from intake import quarantine, services
from intake.models import UploadBatch, UploadedFile
from tests.world import World

PERSON = phantoms.FakePerson.invent(7, "F")
PHI = (PERSON.number, *PERSON.name.split("^"), PERSON.hospital, "jan_kowalski_1950")


@pytest.fixture(scope="session")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A CR image of an invented patient, identified in every way that hospitals do."""
    path = tmp_path_factory.mktemp("dicom") / "image.dcm"
    phantoms.write_dicom(path, phantoms.draw(7, disease="normal", sex="F", size=(400, 380)), PERSON)
    return path.read_bytes()


@pytest.fixture(scope="session")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("jpeg") / "image.jpg"
    phantoms.write_jpeg(
        path, phantoms.draw(8, disease="covid", sex="M", size=(400, 380)), phantoms.FakePerson.invent(8, "M")
    )
    return path.read_bytes()


@pytest.fixture
def send(world: World) -> Callable[..., UploadedFile]:
    """Takes bytes over for the world's batch, as a form would."""

    def _send(
        content: bytes, name: str = "image.dcm", batch: UploadBatch | None = None, **details: Any
    ) -> UploadedFile:
        return services.receive_file(
            batch=batch or world.batch,
            user=world.hospital_user,
            name=name,
            sealed=quarantine.seal(io.BytesIO(content)),
            group=details.pop("group", world.group),
            **details,
        )

    return _send


@pytest.fixture
def var(settings: Any, tmp_path: Path) -> Path:
    """An own CXR_VAR, so that a test can look at every file in it."""
    settings.CXR_VAR = tmp_path / "var"
    settings.CXR_VAR.mkdir()
    return tmp_path


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def broker() -> Any:
    """The real queue, empty at first: `broker()` takes out what was published and returns (task, args) pairs."""
    from portal.celery import app

    def take() -> list[tuple[str, Any]]:
        taken = []
        with app.connection_for_write() as connection:
            channel = connection.default_channel
            while (message := channel.basic_get("celery", no_ack=True)) is not None:
                taken.append((message.headers["task"], message.decode()[0]))
        return taken

    take()
    yield take
    take()
