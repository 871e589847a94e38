from typing import Any

from tests.permissions.rows import Row
from tests.world import World


def dataset(world: World) -> dict[str, Any]:
    return {"slug": world.dataset.slug}


def release(world: World) -> dict[str, Any]:
    return {"slug": world.dataset.slug, "version": world.release.version}


def managed(world: World) -> dict[str, Any]:
    return {"pk": world.release.pk}


def own_group(world: World) -> dict[str, Any]:
    return {"archive_id": world.archive.pk}


def other_group(world: World) -> dict[str, Any]:
    return {"archive_id": world.other_archive.pk}


def access_request(world: World) -> dict[str, Any]:
    return {"groups": [world.group.pk], "project": "Lungs", "purpose": "To learn."}


def new_dataset(world: World) -> dict[str, Any]:
    return {"slug": "new", "is_public": "on", **_words(world), **_groups()}


def changed_dataset(world: World) -> dict[str, Any]:
    return {"is_public": "on", **_words(world), **_groups()}


def _words(world: World) -> dict[str, Any]:
    return {
        "origin": "NEW",
        "title": "New",
        "summary": "New.",
        "description": "New.",
        "licence": "CC0",
        "citation": "New, 2026",
        "agreement": world.agreement.pk,
    }


def _groups() -> dict[str, Any]:
    lines = ((1, "NORMAL"), (2, "PNEUMONIA"))
    values: dict[str, Any] = {"groups-TOTAL_FORMS": 2, "groups-INITIAL_FORMS": 0}
    for number, (class_id, label) in enumerate(lines):
        values |= {f"groups-{number}-class_id": class_id, f"groups-{number}-label": label}
    return values


def new_release(world: World) -> dict[str, Any]:
    return {"version": "1.1", "changes": "More."}


# A person without the next step done gets the page that names it, 200. A role alone gives no data.
ROWS = [
    #                                          anon  rese gran expi hosp othe cura mana
    Row("datasets:list", "200"),
    Row("datasets:detail", "200", args=dataset),
    Row("datasets:release", "200", args=release),
    Row("datasets:request", "login 200 200 200 200 200 200 200", args=dataset),
    Row("datasets:request", "login 200 302 302 200 200 200 200", "POST", dataset, access_request),
    Row("datasets:download", "login 403 200 403 403 403 403 403", args=own_group),
    Row("datasets:download", "login 403 403 403 403 403 403 403", args=other_group),
    Row("datasets:download", "405", "POST", own_group),
    Row("datasets:manage", "login 403 403 403 403 403 403 200"),
    Row("datasets:new", "login 403 403 403 403 403 403 200"),
    Row("datasets:new", "login 403 403 403 403 403 403 302", "POST", data=new_dataset),
    Row("datasets:edit", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:edit", "login 403 403 403 403 403 403 302", "POST", dataset, changed_dataset),
    Row("datasets:publish", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:publish", "login 403 403 403 403 403 403 302", "POST", dataset, new_release),
    Row("datasets:manage_release", "login 403 403 403 403 403 403 200", args=managed),
    Row("datasets:manage_release", "login 403 403 403 403 403 403 302", "POST", managed),
    Row("api:datasets", "200"),
    Row("api:dataset", "200", args=dataset),
    Row("api:release", "200", args=release),
    Row("api:release_create", "401 403 403 403 403 403 403 201", "POST", dataset, new_release),
    Row("api:archive_download", "401 403 200 403 403 403 403 403", args=own_group),
    Row("api:archive_download", "401 403 403 403 403 403 403 403", args=other_group),
]
