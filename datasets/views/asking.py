"""Asking for access to a dataset: a draft, a request, the answer to a question, a renewal; one form for all."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.errors import AccountsError
from accounts.models import AccessGrant, AccessRequest, User
from accounts.policies import is_granted_at_once, is_person, required
from accounts.selectors import is_near_its_end, is_renewable
from accounts.services import save_request, submit_request
from datasets import policies
from datasets.forms import AccessRequestForm
from datasets.models import Dataset
from datasets.policies import Code, Reason, Standing


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_person)
def request_access(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks for groups and contents. A draft can always be kept; what has to come before it is sent (e-mail, agreement,
    a request that waits) is said. `?renew=<grant>` begins a renewal."""
    datasets = policies.visible(request.user).select_related("agreement").prefetch_related("groups")
    dataset = get_object_or_404(datasets, slug=slug)
    standing = Standing(request.user, dataset)
    asked = standing.open_request
    if asked is not None and asked.status == AccessRequest.Status.SUBMITTED:
        return _page(request, standing, Reason(Code.REQUEST_PENDING, dataset, asked), None, None)
    renews = asked.renews if asked is not None else _to_renew(request, standing)
    initial = _initial(asked, renews, dataset)
    form = AccessRequestForm(request.POST or None, dataset=dataset, renews=renews, initial=initial)
    before = standing.before_asking()
    first = Reason(before[0], dataset) if before else None
    if request.method == "POST" and form.is_valid():
        draft = "draft" in request.POST or first is not None
        try:
            saved = save_request(
                user=cast(User, request.user), dataset=dataset, renews=renews, request=asked, **form.cleaned_data
            )
            if draft:
                messages.success(request, _("Your draft is kept. It is sent to nobody before you say so."))
                return redirect("datasets:request", slug=slug)
            asked = saved  # what was written stays as a draft, whatever keeps it from being sent
            grant = submit_request(request=saved, user=cast(User, request.user))
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            if grant is not None:
                messages.success(request, _("Access is granted. You can download the files now."))
                return redirect("datasets:detail", slug=slug)
            messages.success(request, _("Your request is sent. You will get an e-mail once it is decided."))
            return redirect("accounts:request", pk=saved.pk)
    return _page(request, standing, first, form, renews)


def _page(
    request: HttpRequest,
    standing: Standing,
    first: Reason | None,
    form: AccessRequestForm | None,
    renews: AccessGrant | None,
) -> HttpResponse:
    context = {
        "dataset": standing.dataset,
        "standing": standing,
        "asked": standing.open_request,
        "renews": renews,
        "next_step": first,
        "form": form,
        "at_once": is_granted_at_once(request.user, standing.dataset),
    }
    return render(request, "datasets/request.html", context)


def _to_renew(request: HttpRequest, standing: Standing) -> AccessGrant | None:
    wanted = request.POST.get("renew") or request.GET.get("renew")
    found = next((grant for grant in standing.grants if str(grant.pk) == wanted), None)
    return found if found is not None and is_renewable(found) and is_near_its_end(found) else None


def _initial(asked: AccessRequest | None, renews: AccessGrant | None, dataset: Dataset) -> dict[str, Any]:
    """What the form begins with: the draft as it was left, else what the grant that is to be renewed was for."""
    if asked is not None:
        row: AccessRequest | AccessGrant = asked
        words = {"project": asked.project, "purpose": asked.purpose, "achieved": asked.achieved}
    elif renews is not None:
        row = renews
        words = {"project": renews.request.project, "purpose": renews.request.purpose}
    else:
        return {}
    return {"groups": list(row.groups.all()), "contents": row.contents, **words}
