"""Which patients of a dataset of radiographs are for training, validation and the hold-out test.

All images of a patient are in one set. Patients of a hospital and a class are shared out together, in an order that
hangs on the dataset's short name and their numbers alone: the same collection gives the same sets on every machine.
Who has a set, from an earlier version or from an import, keeps it.
"""

from collections.abc import Iterator

from django.db.models import Count, Max, Min, Q

from accounts.models import Hospital
from datasets.models import Dataset, Radiograph, Set
from datasets.segmentation.sets import Member, give_sets


def shares(dataset: Dataset) -> dict[str, float]:
    """The shares of the sets, which sum to 1; nothing where the dataset gives no sets."""
    validation, test = dataset.validation_percent / 100, dataset.test_percent / 100
    if not validation and not test:
        return {}
    named = {Set.TRAIN.value: 1 - validation - test, Set.VALIDATION.value: validation, Set.TEST.value: test}
    return {name: share for name, share in named.items() if share > 0}


def planned(dataset: Dataset) -> Iterator[dict[int, str]]:
    """The set of every patient (id) that has an image without one, hospital by hospital: one hospital is in memory."""
    wanted = shares(dataset)
    if dataset.is_segmentation or not wanted:
        return
    accepted = Radiograph.objects.filter(dataset=dataset, status=Radiograph.Status.ACCEPTED).order_by()
    hospitals = accepted.filter(set="").values("patient__hospital").distinct()
    for hospital in Hospital.objects.filter(pk__in=hospitals).order_by("number"):
        patients = list(
            accepted.filter(patient__hospital=hospital)
            .values("patient", "patient__number")
            .annotate(
                images=Count("pk"), group=Min("group__class_id"), known=Max("set"), bare=Count("pk", filter=Q(set=""))
            )
        )
        members = [
            Member(str(row["patient__number"]), f"{hospital.number}/{row['group']}", row["images"]) for row in patients
        ]
        known = {str(row["patient__number"]): row["known"] for row in patients if row["known"]}
        given = give_sets(members, known, seed=f"{dataset.slug}/{hospital.number}", shares=wanted)
        yield {row["patient"]: given[str(row["patient__number"])] for row in patients if row["bare"]}
