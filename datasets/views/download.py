from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.policies import is_person
from audit.denials import because
from datasets import policies, selectors, services
from datasets.delivery import deliver


@require_safe
def download(request: HttpRequest, archive_id: UUID) -> HttpResponseBase:
    """The file, or a page that says in words what is missing and where to go."""
    if not is_person(request.user):
        return redirect_to_login(request.get_full_path())
    archive = get_object_or_404(selectors.listed_archives(request.user), pk=archive_id)
    decision = policies.may_download(request.user, archive)
    if decision.grant is None:
        services.refuse_download(user=request.user, archive=archive, codes=decision.codes)  # type: ignore[arg-type]
        because(request, *decision.codes, recorded=True)
        context = {"dataset": archive.release.dataset, "lead": archive.filename, "decision": decision}
        return render(request, "datasets/refused.html", context, status=403)
    return deliver(request, request.user, archive, decision.grant)  # type: ignore[arg-type]
