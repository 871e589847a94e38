from tests.permissions.rows import Row

CURATORS = "login 403 403 403 403 403 200 403"
CURATORS_GO_ON = "login 403 403 403 403 403 302 403"


def _waiting(world):  # type: ignore[no-untyped-def]
    return {"pk": world.files["curate"].pk}


def _accepted(world):  # type: ignore[no-untyped-def]
    return {"pk": world.files["accepted"].pk}


def _set_aside(world):  # type: ignore[no-untyped-def]
    return {"pk": world.files["set_aside"].pk}


def _rejection(world):  # type: ignore[no-untyped-def]
    return {"verdict": "reject", "code": "not_a_chest"}


def _rectangle(world):  # type: ignore[no-untyped-def]
    return {"picture": "0" * 64, "left": 1, "top": 1, "width": 9, "height": 9}


def _boxes(world):  # type: ignore[no-untyped-def]
    return {"boxes": [{"left": 1, "top": 1, "width": 9, "height": 9}]}


ROWS = [
    Row("curation:queue", CURATORS),
    Row("curation:judge", CURATORS, args=_waiting),
    Row("curation:judge", CURATORS_GO_ON, args=_accepted),
    Row("curation:judge", CURATORS_GO_ON, method="POST", args=_waiting, data=_rejection),
    Row("curation:image", CURATORS, args=_waiting),
    Row("curation:image", "login 403 403 403 403 403 404 403", args=_accepted),
    Row("curation:mask", CURATORS, args=_waiting),
    Row("curation:mask", "login 403 403 403 403 403 404 403", args=_accepted),
    Row("curation:full_range", CURATORS, args=_waiting),
    Row("curation:full_range", "login 403 403 403 403 403 404 403", args=_accepted),
    Row("curation:boxes", CURATORS_GO_ON, method="POST", args=_waiting, data=_rectangle),
    Row("curation:boxes", CURATORS_GO_ON, method="POST", args=_accepted, data=_rectangle),
    Row("curation:set_aside", CURATORS),
    Row("curation:retry", CURATORS_GO_ON, method="POST", args=_set_aside),
    Row("api:curation_queue", "401 403 403 403 403 403 200 403"),
    # The world's files have no original: who may, is told that nothing can be painted.
    Row("api:curation_boxes", "401 403 403 403 403 403 400 403", method="POST", args=_waiting, data=_boxes),
    Row("api:curation_boxes", "401 403 403 403 403 403 409 403", method="POST", args=_accepted, data=_boxes),
    Row("api:curation_verdict", "401 403 403 403 403 403 200 403", method="POST", args=_waiting, data=_rejection),
    Row("api:curation_verdict", "401 403 403 403 403 403 409 403", method="POST", args=_accepted, data=_rejection),
]
