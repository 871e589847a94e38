"""Custom cohorts: choosing images by their metadata, and the page that is cited."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import is_person, required
from audit.denials import because
from datasets import cohorts, described, policies, selectors, services
from datasets.errors import DatasetError
from datasets.models import Cohort, Dataset, Release
from datasets.models.collection import Quality, Sex, Smoking
from datasets.selectors.catalogue import MONTH, cache_key

LABELS = {
    "class_id": gettext_lazy("Class"),
    "quality": gettext_lazy("Quality"),
    "sex": gettext_lazy("Sex"),
    "age": gettext_lazy("Age"),
    "hospital_id": gettext_lazy("Hospital"),
    "smoke": gettext_lazy("Smoking"),
    "smoke_packyears": gettext_lazy("Pack-years"),
    "subtype": gettext_lazy("Subtype"),
    "set": gettext_lazy("Set"),
}
_HIGHEST = {"age": 90, "smoke_packyears": 300}


class CohortForm(forms.Form):
    """Boxes for what the release has; from and to for numbers."""

    def __init__(self, *args: Any, release: Release, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for column, choices in _choices(release).items():
            if choices:
                self.fields[column] = forms.TypedMultipleChoiceField(
                    label=LABELS[column],
                    choices=choices,
                    coerce=int if isinstance(choices[0][0], int) else str,
                    required=False,
                    widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
                )
        for column in cohorts.RANGES:
            limits: dict[str, Any] = {"min_value": 0, "max_value": _HIGHEST[column], "required": False}
            limits["widget"] = forms.NumberInput({"class": "form-control w-auto"})
            self.fields[f"{column}_from"] = forms.IntegerField(
                label=_("%(what)s from") % {"what": LABELS[column]}, **limits
            )
            self.fields[f"{column}_to"] = forms.IntegerField(
                label=_("%(what)s to") % {"what": LABELS[column]}, **limits
            )

    def filters(self) -> cohorts.Filters:
        found: cohorts.Filters = {
            column: sorted(self.cleaned_data[column]) for column in cohorts.CHOICES if self.cleaned_data.get(column)
        }
        for column in cohorts.RANGES:
            lowest, highest = self.cleaned_data.get(f"{column}_from"), self.cleaned_data.get(f"{column}_to")
            if lowest is not None or highest is not None:
                found[column] = [lowest or 0, _HIGHEST[column] if highest is None else highest]
        return found


def _choices(release: Release) -> dict[str, list[tuple[Any, str]]]:
    """By column what can be chosen, in words. What stands in the columns is looked up once: of a million images that
    takes seconds."""
    key = cache_key("cohort_values", release)
    known: tuple[dict[str, list[Any]], dict[Any, str]] | None = cache.get(key)
    if known is None:
        items = release.items.order_by().values_list("metadata__hospital_id", "metadata__hospital_eng").distinct()
        hospitals = {number: f"{number} {name or ''}".strip() for number, name in items}
        known = {column: cohorts.values(release, column) for column in cohorts.CHOICES}, hospitals
        cache.set(key, known, MONTH)
    values, hospitals = known
    words = {choice.value: str(choice.label) for kind in (Quality, Sex, Smoking) for choice in kind}
    classes = {group.class_id: group.label for group in release.dataset.groups.all()}
    names = {"class_id": classes, "hospital_id": hospitals}
    return {
        column: [(value, names.get(column, words).get(value, str(value))) for value in found]
        for column, found in values.items()
    }


def _release(request: HttpRequest, slug: str, version: str) -> Release:
    releases = selectors.published().filter(dataset__in=policies.visible(request.user))
    release = get_object_or_404(
        releases.select_related("dataset__agreement"),
        dataset__slug=slug,
        dataset__kind=Dataset.Kind.RADIOGRAPHS,
        version=version,
    )
    if release.about.get("labels_only"):  # it tells of diagnoses alone, not of people and hospitals
        raise Http404
    return release


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_person)
def build(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """The conditions and how many images fit, for those who may have the metadata; POST keeps them."""
    release = _release(request, slug, version)
    decision = policies.may_choose(request.user, release)
    if not decision.allowed:
        because(request, *decision.codes)
        context = {"dataset": release.dataset, "lead": _("Custom cohort"), "decision": decision}
        return render(request, "datasets/refused.html", context, status=403)
    given = request.POST if request.method == "POST" else request.GET
    form = CohortForm(given, release=release)
    filters = form.filters() if form.is_valid() else {}
    if request.method == "POST" and form.is_valid():
        try:
            cohort = services.save_cohort(user=request.user, release=release, filters=filters)  # type: ignore[arg-type]
        except DatasetError as error:
            form.add_error(None, str(error))
        else:
            return redirect("datasets:cohort", identifier=cohort.identifier)
    images = cohorts.matching(release, filters).count() if form.is_valid() else 0
    context = {
        "dataset": release.dataset,
        "release": release,
        "form": form,
        "images": f"{images:,}",
        "where": cohorts.where(filters),
        "chosen": [(name, value) for name in form.fields for value in given.getlist(name) if value],
    }
    return render(request, "datasets/cohort_build.html", context)


@require_safe
def cohort(request: HttpRequest, identifier: str) -> HttpResponse:
    """What is cited: the condition, for everybody who sees the dataset; of the counts only a large total. Who may have
    the images orders archives of them here."""
    found = _kept(request, identifier)
    release = found.release
    files = selectors.cohort_files(request.user, found)
    allowed = [file for file in files if file.decision.allowed]
    images = cohorts.matching(release, found.filters).count()
    context = {
        "cohort": found,
        "dataset": release.dataset,
        "release": release,
        "images": cohorts.shown(images, release.dataset),
        "conditions": [_words(release, column, chosen) for column, chosen in found.filters.items()],
        "where": cohorts.where(found.filters),
        "files": allowed,
        "next_step": None if allowed else files[0].decision.next_step,
        "working": any(file.working for file in allowed),
        "days": settings.CXR_COHORT_DAYS,
        "most": settings.CXR_COHORT_MAX_BYTES,
        "cited": described.cited_cohort(request, found, images),
    }
    return render(request, "datasets/cohort.html", context)


@require_POST
@required(is_person)
def order(request: HttpRequest, identifier: str) -> HttpResponse:
    """Has an archive of the cohort built, of the `content` that was posted."""
    found = _kept(request, identifier)
    files = {file.content.value: file for file in selectors.cohort_files(request.user, found)}
    if (file := files.get(request.POST.get("content", ""))) is None:
        raise Http404
    if not file.decision.allowed:
        because(request, *file.decision.codes)
        context = {"dataset": found.release.dataset, "lead": found.identifier, "decision": file.decision}
        return render(request, "datasets/refused.html", context, status=403)
    try:
        services.order_cohort(user=request.user, cohort=found, content=file.content)  # type: ignore[arg-type]
    except DatasetError as error:
        messages.error(request, str(error))
    return redirect(f"{reverse('datasets:cohort', args=[identifier])}#get")


def _kept(request: HttpRequest, identifier: str) -> Cohort:
    found = Cohort.objects.select_related("release__dataset__agreement").filter(
        release__in=selectors.published(), release__dataset__in=policies.visible(request.user)
    )
    cohort = get_object_or_404(found, identifier=identifier)
    if cohort.release.about.get("labels_only"):
        raise Http404
    return cohort


def _words(release: Release, column: str, chosen: list[Any]) -> tuple[Any, str]:
    if column in cohorts.RANGES:
        return LABELS[column], _("%(lowest)s to %(highest)s") % {"lowest": chosen[0], "highest": chosen[1]}
    names = dict(_choices(release)[column])
    return LABELS[column], ", ".join(names.get(value, str(value)) for value in chosen)
