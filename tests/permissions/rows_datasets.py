from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from accounts.models import AccessGrant, AccessRequest
from datasets import links
from datasets.models import (
    Dataset,
    ImageReport,
    Release,
    ReleaseItem,
    SegmentationEntry,
    SegmentationSource,
    Withdrawal,
)
from datasets.services import save_cohort
from tests.permissions.rows import Row
from tests.world import World, png


def dataset(world: World) -> dict[str, Any]:
    return {"slug": world.dataset.slug}


def release(world: World) -> dict[str, Any]:
    return {"slug": world.dataset.slug, "version": world.release.version}


def croissant(world: World) -> dict[str, Any]:
    return {**release(world), "form": "croissant.json"}


def statistics_table(world: World) -> dict[str, Any]:
    return {**release(world), "name": "hospitals"}


def statistics_chart(world: World) -> dict[str, Any]:
    return {**release(world), "name": "sex"}


def managed(world: World) -> dict[str, Any]:
    return {"pk": world.release.pk}


def own_group(world: World) -> dict[str, Any]:
    return {"archive_id": world.archive.pk}


def other_group(world: World) -> dict[str, Any]:
    return {"archive_id": world.other_archive.pk}


def own_link(world: World) -> dict[str, Any]:
    path = links.address(world.granted, world.archive, world.grant)
    return {"token": path.split("/")[2], "filename": world.archive.filename}


def link_of_other_group(world: World) -> dict[str, Any]:
    path = links.address(world.granted, world.other_archive, world.grant)
    return {"token": path.split("/")[2], "filename": world.other_archive.filename}


def kept_cohort(world: World) -> dict[str, Any]:
    world.grant.groups.add(world.other_group)
    found = save_cohort(user=world.granted, release=world.release, filters={"quality": ["Good"]})
    return {"identifier": found.identifier}


def release_of_all(world: World) -> dict[str, Any]:
    world.grant.groups.add(world.other_group)
    return release(world)


def new_cohort(world: World) -> dict[str, Any]:
    return {"quality": ["Good"]}


def cohort_order(_world: World) -> dict[str, Any]:
    return {"content": "radiographs"}


def collection(world: World) -> dict[str, Any]:
    return {"slug": _item(world).release.dataset.slug}


def masks_of_release(world: World) -> dict[str, Any]:
    return {**collection(world), "version": "1.0"}


def released_mask(world: World) -> dict[str, Any]:
    return {"pk": _item(world).pk}


def imported_mask(world: World) -> dict[str, Any]:
    return {"pk": _item(world).entry_id}


def _item(world: World) -> ReleaseItem:
    """A released mask of a collection that `granted` may have, and `expired` no longer."""
    if (item := ReleaseItem.objects.filter(entry__isnull=False).first()) is not None:
        return item
    dataset = Dataset.objects.create(
        kind="segmentation", slug="masks", title="Masks", agreement=world.agreement, is_public=True
    )
    source = SegmentationSource.objects.create(dataset=dataset, source_id=1, source="ours")
    path = storages["library"].save("masks/mask.png", ContentFile(png(mode="1", grey=1)))
    entry = SegmentationEntry.objects.create(
        dataset=dataset,
        source=source,
        filename="one.png",
        set="train",
        mask=path,
        mask_size=1,
        mask_sha256="0" * 64,
        width=64,
        height=80,
        imported_by=world.manager,
    )
    release = Release.objects.create(dataset=dataset, version="1.0", status="published", created_by=world.manager)
    for user, days in ((world.granted, 30), (world.expired, -1)):
        request = AccessRequest.objects.create(user=user, dataset=dataset, status="granted")
        AccessGrant.objects.create(
            user=user,
            dataset=dataset,
            request=request,
            granted_by=world.manager,
            expires_at=timezone.now() + timedelta(days=days),
        )
    files = {"masks": [{"name": "one.png", "path": path, "sha256": "0" * 64}]}
    return ReleaseItem.objects.create(
        release=release,
        entry=entry,
        source=source,
        filename="one.png",
        metadata={"source": "ours", "source_id": 1, "filename": "one.png", "set": "train", "width": 64, "height": 80},
        files=files,
    )


def access_request(world: World) -> dict[str, Any]:
    return {"groups": [world.group.pk], "contents": ["masks"], "project": "Lungs", "purpose": "To learn."}


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


def citation(world: World) -> dict[str, Any]:
    values: dict[str, Any] = {"publisher": "New", "least_cell": 0}
    for table in ("creators", "funding", "publications"):
        values |= {f"{table}-TOTAL_FORMS": 0, f"{table}-INITIAL_FORMS": 0}
    return values


def new_release(world: World) -> dict[str, Any]:
    return {"version": "1.1", "changes": "More."}


def withdrawable(world: World) -> dict[str, Any]:
    return {"kind": "radiograph", "pk": world.radiograph.pk}


def withdrawal(world: World) -> dict[str, Any]:
    return {"pk": Withdrawal.objects.create(dataset=world.dataset, reason="consent", by=world.manager).pk}


def image_report(world: World) -> dict[str, Any]:
    item = world.release.items.get()
    words = {"filename": item.filename, "category": "other", "text": "Dark.", "reporter": world.granted}
    return {"pk": ImageReport.objects.create(dataset=world.dataset, item=item, **words).pk}


def new_report(world: World) -> dict[str, Any]:
    return {"filename": world.radiograph.filename, "category": "identity", "text": "A label in the corner."}


# A person without the next step done gets the page that names it, 200. A role alone gives no data.
ROWS = [
    #                                          anon  rese gran expi hosp othe cura mana
    Row("datasets:list", "200"),
    Row("datasets:detail", "200", args=dataset),
    Row("datasets:release", "200", args=release),
    Row("datasets:request", "login 200 200 200 200 200 200 200", args=dataset),
    # What can't be sent yet is kept as a draft.
    Row("datasets:request", "login 200 302 302 302 302 302 302 302", "POST", dataset, access_request),
    Row("datasets:download", "login 403 200 403 403 403 403 403", args=own_group),
    Row("datasets:download", "login 403 403 403 403 403 403 403", args=other_group),
    Row("datasets:download", "405", "POST", own_group),
    Row("datasets:commands", "login 403 200 403 403 403 403 403", args=release),
    Row("datasets:commands", "login 403 200 403 403 403 403 403", "POST", release),
    # A link opens its file for whoever has it, as the person who made it, and only what that person may have.
    Row("datasets:link", "200", args=own_link),
    # The counts tell the rows: a grant for a part of the groups is not enough.
    Row("datasets:cohort_new", "login 403 403 403 403 403 403 403", args=release),
    Row("datasets:cohort_new", "login 403 403 403 403 403 403 403", "POST", release, new_cohort),
    Row("datasets:cohort_new", "login 403 200 403 403 403 403 403", args=release_of_all),
    Row("datasets:cohort_new", "login 403 302 403 403 403 403 403", "POST", release_of_all, new_cohort),
    Row("datasets:cohort", "200", args=kept_cohort),
    Row("api:cohort", "200", args=kept_cohort),
    Row("datasets:cohort_order", "login 403 302 403 403 403 403 403", "POST", kept_cohort, cohort_order),
    Row("datasets:cohort_order", "405", args=kept_cohort),
    Row("api:cohort_archives", "401 403 202 403 403 403 403 403", "POST", kept_cohort, cohort_order),
    Row("api:cohort_archives", "401 403 200 403 403 403 403 403", args=kept_cohort),
    Row("datasets:link", "403", args=link_of_other_group),
    Row("datasets:manage", "login 403 403 403 403 403 403 200"),
    Row("datasets:new", "login 403 403 403 403 403 403 200"),
    Row("datasets:new", "login 403 403 403 403 403 403 302", "POST", data=new_dataset),
    Row("datasets:edit", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:edit", "login 403 403 403 403 403 403 302", "POST", dataset, changed_dataset),
    Row("datasets:usage", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:usage_table", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:citation", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:citation", "login 403 403 403 403 403 403 302", "POST", dataset, citation),
    Row("datasets:publish", "login 403 403 403 403 403 403 200", args=dataset),
    Row("datasets:publish", "login 403 403 403 403 403 403 302", "POST", dataset, new_release),
    Row("datasets:manage_release", "login 403 403 403 403 403 403 200", args=managed),
    Row("datasets:manage_release", "login 403 403 403 403 403 403 302", "POST", managed),
    Row("datasets:deprecate", "login 403 403 403 403 403 403 302", "POST", managed, lambda world: {"notice": "Old."}),
    Row("datasets:deprecate", "405", args=managed),
    # Who has access, and who curates or manages, may report.
    Row("datasets:report", "login 403 200 403 403 403 200 200", args=dataset),
    Row("datasets:report", "login 403 302 403 403 403 302 302", "POST", dataset, new_report),
    Row("datasets:reports", "login 403 403 403 403 403 403 200"),
    Row("datasets:manage_report", "login 403 403 403 403 403 403 200", args=image_report),
    Row(
        "datasets:manage_report", "login 403 403 403 403 403 403 302", "POST", image_report, lambda w: {"answer": "No."}
    ),
    Row("datasets:withdrawals", "login 403 403 403 403 403 403 200"),
    Row("datasets:withdrawal", "login 403 403 403 403 403 403 200", args=withdrawal),
    Row("datasets:withdraw", "login 403 403 403 403 403 403 200", args=withdrawable),
    Row("datasets:withdraw", "login 403 403 403 403 403 403 404", args=lambda w: {**withdrawable(w), "kind": "other"}),
    Row(
        "datasets:withdraw",
        "login 403 403 403 403 403 403 302",
        "POST",
        withdrawable,
        lambda world: {"reason": "consent", "sure": "on"},
    ),
    Row("datasets:findings", "login 403 403 403 403 403 403 200", args=dataset),
    Row(
        "datasets:findings",
        "login 403 403 403 403 403 403 302",
        "POST",
        dataset,
        lambda world: {"findings": "MASS Mass"},
    ),
    Row("api:findings", "401 403 403 403 403 403 403 204", "PUT", dataset, lambda world: {"labels": {}}),
    Row("api:report", "401 403 201 403 403 403 201 201", "POST", dataset, new_report),
    Row("datasets:detail", "200", args=collection),
    Row("datasets:request", "login 200 200 200 200 200 200 200", args=collection),
    Row("datasets:masks", "login 403 200 403 403 403 403 403", args=collection),
    Row("datasets:mask_thumbnail", "login 403 200 403 403 403 403 403", args=released_mask),
    Row("datasets:manage_masks", "login 403 403 403 403 403 403 200", args=collection),
    Row("datasets:manage_mask_thumbnail", "login 403 403 403 403 403 403 200", args=imported_mask),
    Row("datasets:edit", "login 403 403 403 403 403 403 200", args=collection),
    Row("datasets:publish", "login 403 403 403 403 403 403 200", args=collection),
    Row("api:sources", "200", args=masks_of_release),
    Row("api:masks", "401 403 200 403 403 403 403 403", args=masks_of_release),
    Row("api:datasets", "200"),
    Row("api:dataset", "200", args=dataset),
    Row("api:release", "200", args=release),
    Row("datasets:sitemap", "200"),
    Row("datasets:robots", "200"),
    Row("datasets:described", "200", args=croissant),
    Row("api:described", "200", args=croissant),
    Row("datasets:statistics", "200", args=release),
    Row("datasets:statistics_table", "200", args=statistics_table),
    Row("datasets:statistics_chart", "200", args=statistics_chart),
    Row("api:release_create", "401 403 403 403 403 403 403 201", "POST", dataset, new_release),
    Row("api:archive_download", "401 403 200 403 403 403 403 403", args=own_group),
    Row("api:archive_download", "401 403 403 403 403 403 403 403", args=other_group),
]
