"""Who is what. Every other policy builds on these; an anonymous or closed account is nobody."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.models import AccessGrant, AccessRequest, ApiToken, HospitalMembership
from audit.denials import because

if TYPE_CHECKING:
    from datasets.models import Dataset

Person = Any  # accounts.models.User or AnonymousUser


def is_person(user: Person) -> bool:
    """Logged in with an account that is open."""
    return bool(user.is_authenticated and user.is_active)


def is_data_manager(user: Person) -> bool:
    return is_person(user) and user.is_data_manager


def is_curator(user: Person) -> bool:
    return is_person(user) and user.is_curator


def is_hospital_user(user: Person) -> bool:
    return is_person(user) and HospitalMembership.objects.filter(user=user).exists()


def is_member_of(user: Person, hospital_id: int) -> bool:
    return is_person(user) and HospitalMembership.objects.filter(user=user, hospital_id=hospital_id).exists()


def reviews(user: Person, dataset_id: int) -> bool:
    """Whether the person reads the requests for the dataset: its reviewers do, and every data manager."""
    return is_data_manager(user) or (is_person(user) and user.reviews.filter(pk=dataset_id).exists())


def is_reviewer(user: Person) -> bool:
    """Whether the person reads the requests for any dataset."""
    return is_data_manager(user) or (is_person(user) and user.reviews.exists())


def may_decide(user: Person, request: AccessRequest) -> bool:
    """Reviewers of the dataset and data managers decide, but nobody about the own request."""
    return request.user_id != user.pk and reviews(user, request.dataset_id)


def token_scopes(user: Person) -> list[str]:
    """The scopes that make sense for the person's roles. A token's use is checked against the roles again."""
    scopes = {
        ApiToken.Scope.READ: is_person(user),
        ApiToken.Scope.DOWNLOAD: is_person(user),
        ApiToken.Scope.UPLOAD: is_hospital_user(user),
        ApiToken.Scope.CURATE: is_curator(user),
        ApiToken.Scope.MANAGE: is_reviewer(user),
    }
    return [scope.value for scope, sensible in scopes.items() if sensible]


def required(policy: Callable[[Person], bool]) -> Callable[..., Callable[..., HttpResponse]]:
    """Decorator of a view: visitors are sent to the log-in page, people for whom `policy` does not hold get 403."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not policy(request.user):
                because(request, f"no_{policy.__name__.removeprefix('is_')}")
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def is_granted_at_once(user: Person, dataset: "Dataset") -> bool:
    """Whether a request of `user` for `dataset` needs nobody's decision: the dataset is open, the person's access to it
    was never revoked, and the person is not one who could open it to oneself."""
    if dataset.access != dataset.Access.OPEN or is_data_manager(user):
        return False
    former = AccessGrant.objects.filter(user=user.pk, dataset=dataset.pk)
    return not former.filter(ended_by=AccessGrant.End.REVOKED).exists()
