"""Archives send by themselves: dicomweb-client and storescu against `manage.py serve`, with all its parts."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from tests.e2e.installation import Installation, free_port
from tests.e2e.test_journey_api import PEOPLE, PREPARE

NODE = """
from accounts.models import User
from datasets.models import Dataset
from intake.models import DicomNode
desk = User.objects.get(email="desk@example.org")
DicomNode.objects.create(ae_title="SZPITAL_PACS", hospital=desk.hospitals.get(), user=desk, addresses="127.0.0.1",
                         dataset=Dataset.objects.get())
"""


@pytest.fixture
def listening() -> Iterator[tuple[Installation, int]]:
    port = free_port()
    portal = Installation(CXR_DICOM_PORT=str(port))
    try:
        yield portal, port
    finally:
        print(portal.logs())  # noqa: T201 (pytest shows it when the test failed)
        portal.close()


def test_two_standards_one_pipeline(listening: tuple[Installation, int], radiographs: list[Path]) -> None:
    portal, port = listening
    for login, (name, *flags) in PEOPLE.items():
        portal.add_person(f"{login}@example.org", name, *flags)
    tokens = json.loads(portal.manage("shell", "--no-imports", "-c", PREPARE).rpartition("TOKENS")[2])
    portal.manage("shell", "--no-imports", "-c", NODE)
    images = [path for path in radiographs if path.suffix == ".dcm"]

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {tokens['desk']}"
    client = DICOMwebClient(f"{portal.origin}/dicom-web", session=session)
    data = [pydicom.dcmread(path) for path in images[:2]]
    answer = client.store_instances(data)
    assert {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence} == {
        image.SOPInstanceUID for image in data
    }
    with pytest.raises(requests.HTTPError, match="409"):
        client.store_instances(data[:1], study_instance_uid="1.2.3")

    program = [sys.executable, "-m", "pynetdicom", "storescu", "127.0.0.1", str(port)]
    titles = ["-aet", "SZPITAL_PACS", "-aec", "CXRCOMMONS"]
    # The first of them came by STOW-RS already.
    for path in (images[0], images[2]):
        subprocess.run([*program, str(path), *titles], check=True, timeout=300)

    expected = [("describe",)] * 3
    for _ in range(600):
        if sorted(portal.query("SELECT stage FROM intake_uploadedfile WHERE stage != 'rejected'")) == expected:
            break
        time.sleep(0.5)
    stages = portal.query("SELECT stage, reason_code FROM intake_uploadedfile ORDER BY stage")
    # Written anew by pydicom and pynetdicom the bytes may differ, the instance does not.
    assert [stage for stage, _ in stages if stage != "rejected"] == ["describe"] * 3, stages
    assert {reason for stage, reason in stages if stage == "rejected"} <= {"duplicate_instance"}
    assert sorted(portal.query("SELECT way FROM intake_uploadbatch")) == [("store",), ("stow",)]
