from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.contrib.auth.hashers import make_password
from django.contrib.sites.models import Site
from django.forms import Form
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import factors, mail, policies, sealing
from accounts.models import User

PORTAL = "CXR Commons"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> Any:
        """Fills in what the registration form asks beside allauth's own fields, so that the row is whole at once."""
        for field in ("name", "institution", "position", "orcid", "country", "purpose"):
            setattr(user, field, form.cleaned_data[field])
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Where the person's work is; `next` in the address comes first (allauth looks at it before)."""
        user = request.user
        if policies.is_data_manager(user):
            return reverse("accounts:manage_requests")
        if policies.is_curator(user):
            return reverse("curation:queue")
        if policies.is_hospital_user(user):
            return reverse("intake:batches")
        return reverse("accounts:profile")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """As allauth's own, but a mail server that is away neither breaks the page nor loses the mail."""
        request = allauth_context.request
        # The row of django.contrib.sites is set by nobody: mails would greet people from example.com.
        site = Site(name=PORTAL, domain=request.get_host())
        about = {"request": request, "email": email, "current_site": site}
        mail.send_now(self.render_mail(template_prefix, email, {**about, **context}))

    def send_account_already_exists_mail(self, email: str) -> None:
        """Takes as long as making an account, most of which is hashing: the time must not tell who has one."""
        make_password(get_random_string(12))
        super().send_account_already_exists_mail(email)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        """The routes of a provider that nobody configured are not there, instead of failing."""
        try:
            app = super().get_app(request, provider, client_id=client_id)
        except SocialApp.DoesNotExist as error:
            raise Http404 from error
        if app.provider == "openid_connect":
            app.settings.setdefault("oauth_pkce_enabled", True)  # RFC 9700, 2.1.1: for every client
        return app

    def get_signup_form_initial_data(self, sociallogin: SocialLogin) -> dict[str, Any]:
        """What the provider tells, for the person to read over; first and last name are one field here."""
        initial: dict[str, Any] = super().get_signup_form_initial_data(sociallogin)
        given, family = initial.pop("first_name", ""), initial.pop("last_name", "")
        return {**initial, "name": f"{given} {family}".strip(), "orcid": _orcid_of(sociallogin)}

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Form | None = None) -> Any:
        """Whoever comes by ORCID has that iD, whatever stands in the form."""
        user = super().save_user(request, sociallogin, form)
        if orcid := _orcid_of(sociallogin):
            user.orcid = orcid
            user.save(update_fields=["orcid"])
        return user


def _orcid_of(sociallogin: SocialLogin) -> str:
    return sociallogin.account.uid if sociallogin.account.provider == "orcid" else ""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": _(
            "Your role needs a second factor. Add another one before you remove this one."
        ),
    }

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        if not factors.required_of(authenticator.user):
            return True
        kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
        others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=kinds).exclude(
            pk=authenticator.pk
        )
        return bool(others.exists())
