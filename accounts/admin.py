"""The back office: people's roles are given here; what is evidence can be read and not changed."""

from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.contrib.sites.models import Site
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import (
    AccessGrant,
    AccessRequest,
    Agreement,
    ApiToken,
    Hospital,
    HospitalMembership,
    Invitation,
    Signature,
    User,
)
from audit.services import record

# Roles are flags and memberships; Django's groups have no part in this program.
admin.site.unregister(Group)

# These libraries register pages of their own, which show secrets (the seed of an authenticator app) and change ways to
# sign in without a trace in the trail. Importing them first lets them register now and not after this.
for _library in (
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "django.contrib.sites",
):
    import_module(f"{_library}.admin")
admin.site.unregister([Authenticator, EmailAddress, UserSession, SocialAccount, SocialApp, SocialToken, Site])


class RecordedAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Every change made here is in the audit trail, with the names of the fields and never their values."""

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        super().save_model(request, obj, form, change)
        action = f"{obj._meta.model_name}.{'changed' if change else 'created'}"
        record(action, actor=request.user, about=obj, fields=sorted(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        record(f"{obj._meta.model_name}.deleted", actor=request.user, about=obj)
        super().delete_model(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Deleting many at once would pass `delete_model` by.
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class EvidenceAdmin(ModelAdmin):  # type: ignore[misc]
    """Looking only: these rows come from `accounts.services` and stay as they are."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class PersonAdmin(RecordedAdmin, UserAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["name"]
    list_display = ["name", "email", "institution", "is_curator", "is_data_manager", "is_active"]
    list_filter = ["is_curator", "is_data_manager", "is_staff", "is_active"]
    search_fields = ["name", "email", "institution"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["email", "password"]}),
        (_("Details"), {"fields": ["name", "institution", "country", "purpose", "language"]}),
        (_("Roles"), {"fields": ["is_curator", "is_data_manager", "is_staff", "is_superuser", "is_active"]}),
        (_("Times"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "password1", "password2"]})]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Who closed the account was told that it stays closed.
        return (obj is None or obj.closed_at is None) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # An account is closed by taking "active" away: what the person signed and did stays.
        return False


@admin.register(Hospital)
class HospitalAdmin(RecordedAdmin):
    list_display = ["number", "name", "name_eng", "city"]
    search_fields = ["name", "name_eng", "city"]


@admin.register(HospitalMembership)
class HospitalMembershipAdmin(RecordedAdmin):
    list_display = ["user", "hospital", "created_at"]
    list_filter = ["hospital"]
    autocomplete_fields = ["user", "hospital"]


@admin.register(Agreement)
class AgreementAdmin(EvidenceAdmin):
    list_display = ["title", "code", "version", "created_at", "replaces", "grace_until"]
    fields = ["code", "version", "title", "language", "text", "sha256", "created_at", "replaces", "grace_until"]


@admin.register(Signature)
class SignatureAdmin(EvidenceAdmin):
    list_display = ["user", "agreement", "institution", "at"]
    list_filter = ["agreement"]


@admin.register(AccessRequest)
class AccessRequestAdmin(EvidenceAdmin):
    list_display = ["user", "dataset", "project", "status", "created_at", "decided_by"]
    list_filter = ["status", "dataset"]


@admin.register(AccessGrant)
class AccessGrantAdmin(EvidenceAdmin):
    list_display = ["user", "dataset", "created_at", "expires_at", "revoked_at"]
    list_filter = ["dataset"]


@admin.register(Invitation)
class InvitationAdmin(EvidenceAdmin):
    list_display = ["email", "invited_by", "created_at", "expires_at", "accepted_at", "revoked_at"]
    exclude = ["token_hash"]


@admin.register(ApiToken)
class ApiTokenAdmin(EvidenceAdmin):
    list_display = ["user", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    exclude = ["token_hash"]
