from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import HospitalMembership
from accounts.tasks import send_mail
from intake import names, services
from intake.models import WORK_STAGES, PartialUpload, Stage, UploadBatch, UploadedFile
from tests.world import World

QUIET = timedelta(minutes=31)


@pytest.fixture
def sent(world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any, settings: Any) -> Any:
    """A batch that is done and quiet; returns what a sweep does: the mails that it sent."""
    settings.CXR_BATCH_QUIET_MINUTES = 30
    UploadedFile.objects.filter(stage__in=WORK_STAGES).update(stage=Stage.CURATE)
    UploadedFile.objects.update(received_at=timezone.now() - QUIET, sealed_name=names.seal("jan_kowalski.dcm"))
    monkeypatch.setattr(send_mail, "delay", send_mail)  # the worker's part, here

    def sweep() -> list[Any]:
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            services.send_summaries()
        return list(mail.outbox)

    return sweep


def test_once_and_again_only_after_something_new(world: World, sent: Any) -> None:
    [message] = sent()
    assert message.to == [world.hospital_user.email]
    assert f"Batch {world.batch.pk} is processed" in message.subject
    assert "5 × waiting for a curator" in message.body
    assert f"/uploads/{world.batch.pk}/" in message.body
    assert "Some wait for you" in message.body
    assert sent() == []
    UploadBatch.objects.update(summary_sent_at=timezone.now() - QUIET)
    UploadedFile.objects.filter(stage=Stage.REJECTED).update(received_at=timezone.now() - QUIET + timedelta(seconds=1))
    assert len(sent()) == 1
    assert sent() == []


def test_nothing_that_identifies_anybody(world: World, sent: Any) -> None:
    UploadBatch.objects.update(title="Kowalski's ward")
    [message] = sent()
    assert "kowalski" not in (message.subject + message.body).lower()


def test_not_while_anything_moves(world: World, sent: Any) -> None:
    file = world.files[Stage.ASSESS]
    UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.ASSESS)
    assert sent() == []
    UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.CURATE)
    upload = PartialUpload.objects.create(
        batch=world.batch, user=world.hospital_user, length=5, expires_at=timezone.now() + timedelta(days=1)
    )
    assert sent() == []
    upload.delete()
    UploadedFile.objects.filter(pk=file.pk).update(received_at=timezone.now())
    assert sent() == []
    UploadedFile.objects.filter(pk=file.pk).update(received_at=timezone.now() - QUIET)
    assert len(sent()) == 1


def test_nobody_who_left_the_hospital_is_told(world: World, sent: Any) -> None:
    HospitalMembership.objects.filter(user=world.hospital_user).delete()
    assert sent() == []
    assert UploadBatch.objects.get(pk=world.batch.pk).summary_sent_at is not None


def test_an_empty_batch_is_no_news(world: World, sent: Any) -> None:
    sent()
    UploadBatch.objects.create(hospital=world.hospital, dataset=world.dataset, user=world.hospital_user, title="x")
    assert sent() == []
