"""What reviewers and data managers do about requests for access."""

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import policies, selectors, services
from accounts.countries import country_name
from accounts.errors import AccountsError, AlreadyDoneError
from accounts.flags import address_flags
from accounts.models import AccessGrant, AccessRequest, ReasonTemplate, User
from accounts.request_forms import DecisionForm, MessageForm, ReasonForm, TemplateForm


@policies.required(policies.is_reviewer)
@require_safe
def manage_requests(request: HttpRequest) -> HttpResponse:
    """What waits, the longest waiting first; what waits for the researcher; then what was decided, the newest first."""
    mine = selectors.requests_for(cast(User, request.user))
    waiting = Q(status=AccessRequest.Status.SUBMITTED)
    answers = Q(status=AccessRequest.Status.MORE_INFORMATION)
    decided = Paginator(mine.exclude(waiting | answers).order_by("-decided_at", "-pk"), 50)
    return render(
        request,
        "accounts/manage_requests.html",
        {
            "waiting": mine.filter(waiting).order_by("submitted_at", "pk"),
            "asked_back": mine.filter(answers).order_by("submitted_at", "pk"),
            "page_obj": decided.get_page(request.GET.get("page")),
        },
    )


@policies.required(policies.is_reviewer)
@require_http_methods(["GET", "HEAD", "POST"])
def manage_request(request: HttpRequest, pk: int) -> HttpResponse:
    """One request: who asks for what, the conversation, the decision. "Use the template" only fills the form."""
    reviewer = cast(User, request.user)
    asked = get_object_or_404(selectors.requests_for(reviewer), pk=pk)
    templates = selectors.reason_templates(asked.dataset_id).exclude(use=ReasonTemplate.Use.REVOKE)
    form = DecisionForm(request.POST or None, asked=asked, templates=templates)
    if request.method == "POST" and "use_template" in request.POST:
        form = _with_template(request, asked, form)
    elif request.method == "POST" and form.is_valid():
        try:
            _decide(asked, reviewer, form)
        except AlreadyDoneError as error:
            messages.error(request, str(error))
            return redirect("accounts:manage_request", pk=pk)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            told = {
                "grant": _("Access is granted."),
                "refuse": _("The request is refused."),
                "ask": _("The request went back with your question."),
            }[form.cleaned_data["decision"]]
            messages.success(request, told + " " + _("The researcher is told by e-mail."))
            return redirect("accounts:manage_requests")
    return render(request, "accounts/manage_request.html", _context(asked, reviewer, form))


def _decide(asked: AccessRequest, reviewer: User, form: DecisionForm) -> None:
    given = form.cleaned_data
    if given["decision"] == "ask":
        services.ask_more(request=asked, reviewer=reviewer, text=given["reason"])
        return
    services.decide(
        request=asked,
        manager=reviewer,
        granted=given["decision"] == "grant",
        reason=given["reason"],
        days=given["days"],
        groups=given["groups"],
        contents=given["contents"],
    )


def _with_template(request: HttpRequest, asked: AccessRequest, form: DecisionForm) -> DecisionForm:
    """The form as it was filled in, with the words of the chosen template in it and its decision chosen."""
    templates = selectors.reason_templates(asked.dataset_id)
    chosen = templates.filter(pk=request.POST.get("template") or 0).first()
    filled = {name: form[name].data for name in form.fields if form[name].data}
    if chosen is not None:
        filled |= {"reason": chosen.text, "decision": chosen.use}
    # Not bound: nothing is wrong with a form that is not finished.
    return DecisionForm(asked=asked, templates=templates.exclude(use=ReasonTemplate.Use.REVOKE), initial=filled)


def _context(asked: AccessRequest, reviewer: User, form: DecisionForm) -> dict[str, object]:
    person = asked.user
    return {
        "asked": asked,
        "grant": getattr(asked, "grant", None),
        "country": country_name(person.country, get_language() or "en"),
        "flags": address_flags(person.email),
        "now": timezone.now(),
        "form": form,
        "may_decide": policies.may_decide(reviewer, asked),
        "signature": person.signatures.filter(agreement=asked.dataset.agreement_id).first(),
        "signature_counts": selectors.has_signed(person, asked.dataset.agreement),
        "email_confirmed": selectors.has_confirmed_email(person),
        "second_factor": selectors.has_second_factor(person),
        "others": selectors.requests_for(reviewer).filter(user=person).exclude(pk=asked.pk),
        "conversation": asked.messages.select_related("author"),
        "message_form": MessageForm(),
        "revoke_form": ReasonForm(),
        "reasons_to_revoke": selectors.reason_templates(asked.dataset_id).filter(use=ReasonTemplate.Use.REVOKE),
    }


@policies.required(policies.is_person)
@require_POST
def request_message(request: HttpRequest, pk: int) -> HttpResponse:
    """A message about a request, from the researcher's page or from the reviewer's."""
    user = cast(User, request.user)
    asked = get_object_or_404(AccessRequest, pk=pk)
    own = asked.user_id == user.pk
    if not own:
        asked = get_object_or_404(selectors.requests_for(user), pk=pk)
    form = MessageForm(request.POST)
    try:
        if form.is_valid():
            services.write_message(request=asked, author=user, text=form.cleaned_data["text"])
            messages.success(request, _("Your message is sent. The other side is told by e-mail."))
        else:
            messages.error(request, " ".join(map(str, form.errors["text"])))
    except AccountsError as error:
        messages.error(request, str(error))
    return redirect("accounts:request" if own else "accounts:manage_request", pk=pk)


@policies.required(policies.is_data_manager)
@require_POST
def grant_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(AccessGrant, pk=pk)
    form = ReasonForm(request.POST)
    try:
        if form.is_valid():
            services.revoke(grant=grant, manager=cast(User, request.user), reason=form.cleaned_data["reason"])
            messages.success(request, _("The grant is revoked from now on. The researcher is told by e-mail."))
        else:
            messages.error(request, " ".join(map(str, form.errors["reason"])))
    except AccountsError as error:
        messages.error(request, str(error))
    return redirect("accounts:manage_request", pk=grant.request_id)


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def reasons(request: HttpRequest) -> HttpResponse:
    """The templates, and a form for a new one."""
    return _edit_reason(request, None)


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def reason(request: HttpRequest, pk: int) -> HttpResponse:
    """One template: change it or throw it away."""
    return _edit_reason(request, get_object_or_404(ReasonTemplate, pk=pk))


def _edit_reason(request: HttpRequest, template: ReasonTemplate | None) -> HttpResponse:
    manager = cast(User, request.user)
    if request.method == "POST" and template is not None and "delete" in request.POST:
        services.delete_reason(manager=manager, template=template)
        messages.success(request, _("The template is gone. Decisions made with its words keep them."))
        return redirect("accounts:reasons")
    form = TemplateForm(request.POST or None, instance=template)
    if request.method == "POST" and form.is_valid():
        dataset = form.cleaned_data.pop("dataset")
        services.save_reason(
            manager=manager, template=template, dataset_id=dataset.pk if dataset else None, **form.cleaned_data
        )
        messages.success(request, _("The template is saved."))
        return redirect("accounts:reasons")
    rows = ReasonTemplate.objects.select_related("dataset")
    return render(request, "accounts/reasons.html", {"form": form, "template": template, "templates": rows})
