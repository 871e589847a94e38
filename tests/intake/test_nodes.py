"""The data managers' pages about the archives that may send."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from datasets.models import Dataset, DiagnosisGroup
from intake import networks
from intake.models import DicomNode
from tests.world import World


@pytest.fixture
def fields(world: World) -> dict[str, Any]:
    return {
        "ae_title": "SZPITAL_PACS",
        "hospital": world.hospital.pk,
        "dataset": world.dataset.pk,
        "user": world.hospital_user.pk,
        "addresses": "10.1.2.3, fd00::/8",
        "is_active": "on",
    }


@pytest.fixture
def manager(client: Client, world: World) -> Client:
    client.force_login(world.manager)
    return client


def test_a_node_is_added_changed_and_switched_off_and_all_of_it_is_written_down(
    manager: Client, world: World, fields: dict[str, Any]
) -> None:
    manager.post(reverse("intake:node_new"), fields)
    node = DicomNode.objects.get()
    assert (node.hospital, node.group, node.is_active) == (world.hospital, None, True)
    del fields["is_active"]
    page = manager.post(reverse("intake:node_edit", args=[node.pk]), {**fields, "group": world.group.pk}, follow=True)
    node.refresh_from_db()
    assert (node.group, node.is_active) == (world.group, False)
    assert "may not send" in page.content.decode()
    added, changed = Event.objects.filter(object_id=str(node.pk), action__startswith="node.").order_by("number")
    assert (added.action, added.actor_id, added.data["hospital"]) == ("node.added", world.manager.pk, 1)
    assert sorted(changed.data["fields"]) == ["group", "is_active"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ae_title", "LONGER_THAN_16_CHARACTERS"),
        ("ae_title", "WITH\\BACKSLASH"),
        ("ae_title", ""),
        ("addresses", ""),
        ("addresses", "10.1.2.3.4"),
        ("addresses", "10.1.2.3/8"),
        ("certificate_sha256", "abc"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(
    manager: Client, fields: dict[str, Any], field: str, value: str
) -> None:
    response = manager.post(reverse("intake:node_new"), {**fields, field: value})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert not DicomNode.objects.exists()


def test_person_and_diagnosis_belong_to_hospital_and_dataset(
    manager: Client, world: World, fields: dict[str, Any]
) -> None:
    other = Dataset.objects.create(slug="other", origin="O", title="Other", agreement=world.agreement)
    group = DiagnosisGroup.objects.create(dataset=other, class_id=1, label="NORMAL")
    wrong = {**fields, "user": world.other_hospital_user.pk, "group": group.pk}
    assert set(manager.post(reverse("intake:node_new"), wrong).context["form"].errors) == {"group", "user"}


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.2.3", True),
        ("10.1.2.4", False),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("fe80::1", False),
        ("::ffff:10.1.2.3", True),
    ],
)
def test_addresses(address: str, inside: bool) -> None:
    assert networks.contain("10.1.2.3, fd00::/8", address) is inside
