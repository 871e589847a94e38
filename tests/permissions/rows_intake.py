from datetime import timedelta

from django.utils import timezone

from intake.models import DicomNode, PartialUpload
from tests.permissions.rows import Row

ONLY_MEMBERS = "login 403 403 403 200 404 403 403"
HOSPITALS = "login 403 403 403 200 200 403 403"


def _batch(world):  # type: ignore[no-untyped-def]
    return {"pk": world.batch.pk}


def _file(world):  # type: ignore[no-untyped-def]
    return {"pk": world.files["curate"].pk}


def _new_batch(world):  # type: ignore[no-untyped-def]
    return {"title": "April", "hospital": world.hospital.pk, "dataset": world.dataset.pk}


def _new_batch_api(world):  # type: ignore[no-untyped-def]
    return {"title": "April", "hospital": world.hospital.number, "dataset": world.dataset.slug}


def _description(world):  # type: ignore[no-untyped-def]
    return {"group": world.other_group.pk, "sex": "F"}


def _upload(world):  # type: ignore[no-untyped-def]
    details = {"length": 5, "expires_at": timezone.now() + timedelta(days=1)}
    return {"pk": PartialUpload.objects.create(batch=world.batch, user=world.hospital_user, **details).pk}


def _node(world):  # type: ignore[no-untyped-def]
    node = {
        "ae_title": "PACS",
        "hospital": world.hospital,
        "dataset": world.dataset,
        "user": world.hospital_user,
        "addresses": "10.0.0.1",
    }
    return {"pk": DicomNode.objects.get_or_create(ae_title="PACS", defaults=node)[0].pk}


def _new_node(world):  # type: ignore[no-untyped-def]
    chosen = {"hospital": world.hospital.pk, "dataset": world.dataset.pk, "user": world.hospital_user.pk}
    return {"ae_title": "PACS 2", "addresses": "10.0.0.0/8", "is_active": "on", **chosen}


MANAGERS = "login 403 403 403 403 403 403 200"
MANAGERS_DONE = "login 403 403 403 403 403 403 302"

ROWS = [
    Row("intake:nodes", MANAGERS),
    Row("intake:node_new", MANAGERS),
    Row("intake:node_new", MANAGERS_DONE, method="POST", data=_new_node),
    Row("intake:node_edit", MANAGERS, args=_node),
    Row("intake:node_edit", MANAGERS_DONE, method="POST", args=_node, data=_new_node),
    # Cookies open nothing here; tests/intake/test_dicomweb.py goes through the tokens.
    Row("intake:stow", "401", method="POST"),
    Row("intake:stow_study", "401", method="POST", args=lambda world: {"study": "1.2.3"}),
    Row("intake:stow_batch", "401", method="POST", args=_batch),
    Row("intake:stow_batch_study", "401", method="POST", args=lambda world: {**_batch(world), "study": "1.2.3"}),
    #                           anon  rese gran expi hosp othe cura mana
    Row("intake:batches", HOSPITALS),
    Row("intake:batch_new", HOSPITALS),
    # A member of another hospital cannot choose this one: the form comes back with the error.
    Row("intake:batch_new", "login 403 403 403 302 200 403 403", method="POST", data=_new_batch),
    Row("intake:template", HOSPITALS),
    Row("intake:batch", ONLY_MEMBERS, args=_batch),
    # Without a file the form comes back.
    Row("intake:batch", ONLY_MEMBERS, method="POST", args=_batch),
    Row("intake:batch_files", ONLY_MEMBERS, args=_batch),
    # Nothing chosen: it is said, and nothing is done.
    Row("intake:files_describe", "login 403 403 403 302 404 403 403", method="POST", args=_batch),
    Row("intake:files_withdraw", "login 403 403 403 302 404 403 403", method="POST", args=_batch),
    Row("intake:fate", ONLY_MEMBERS, args=_batch),
    Row("intake:file", ONLY_MEMBERS, args=_file),
    Row("intake:file", "login 403 403 403 302 404 403 403", method="POST", args=_file, data=_description),
    Row("intake:file_withdraw", "login 403 403 403 302 404 403 403", method="POST", args=_file),
    # 412: let in, but without the version of the protocol that every request has to name.
    Row("intake:tus", "204", method="OPTIONS"),
    Row("intake:tus", "401 403 403 403 412 412 403 403", method="POST"),
    Row("intake:tus_upload", "401 403 403 403 405 405 403 403", args=_upload),
    Row("intake:tus_upload", "401 403 403 403 412 404 403 403", method="HEAD", args=_upload),
    Row("intake:tus_upload", "401 403 403 403 412 404 403 403", method="PATCH", args=_upload),
    Row("intake:tus_upload", "401 403 403 403 412 404 403 403", method="DELETE", args=_upload),
    Row("api:batches", "401 403 403 403 200 200 403 403"),
    Row("api:batches", "401 403 403 403 201 400 403 403", method="POST", data=_new_batch_api),
    Row("api:batch", "401 403 403 403 200 404 403 403", args=_batch),
    Row("api:batch_files", "401 403 403 403 200 404 403 403", args=_batch),
    Row("api:batch_files", "401 403 403 403 400 404 403 403", method="POST", args=_batch, format="multipart"),
    Row("intake:table", ONLY_MEMBERS, args=_batch),
    Row("intake:table", ONLY_MEMBERS, method="POST", args=_batch),
    Row("intake:table_template", ONLY_MEMBERS, args=_batch),
    Row("api:batch_table", "401 403 403 403 400 404 403 403", method="POST", args=_batch, format="multipart"),
    Row("api:file", "401 403 403 403 200 404 403 403", args=_file),
]
