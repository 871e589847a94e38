"""Who may download what. Denied by default: a role gives no right to data, only a grant does.

`may_download` and `downloadable` say the same, once with reasons for one archive and once as a queryset.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import AccessGrant, AccessRequest, Signature
from accounts.policies import Person, is_data_manager, is_person
from accounts.selectors import current_grants, has_confirmed_email, has_signed
from datasets.models import Archive, Dataset, Release


class Code(StrEnum):
    """Why somebody may not download, in the order of the steps that lead there."""

    NOT_READY = "not_ready"
    LOG_IN = "log_in"
    CONFIRM_EMAIL = "confirm_email"
    SIGN_AGREEMENT = "sign_agreement"
    ASK_FOR_ACCESS = "ask_for_access"
    REQUEST_PENDING = "request_pending"
    GRANT_EXPIRED = "grant_expired"
    GRANT_REVOKED = "grant_revoked"
    OTHER_GROUP = "other_group"


_WORDS: dict[Code, tuple[Promise, Promise]] = {
    Code.NOT_READY: (_("This file is not published yet."), _("Back to the dataset")),
    Code.LOG_IN: (_("You are not signed in."), _("Sign in or register")),
    Code.CONFIRM_EMAIL: (_("Your e-mail address is not confirmed yet."), _("Confirm your e-mail address")),
    Code.SIGN_AGREEMENT: (_("You have not signed the data use agreement."), _("Read and sign the agreement")),
    Code.ASK_FOR_ACCESS: (_("You have not asked for access to these images."), _("Ask for access")),
    Code.REQUEST_PENDING: (_("Your request is waiting for a data manager's decision."), _("See your request")),
    Code.GRANT_EXPIRED: (_("Your access has expired."), _("Ask for access again")),
    Code.GRANT_REVOKED: (_("Your access was revoked by a data manager."), _("See the reason")),
    Code.OTHER_GROUP: (_("Your access covers other diagnosis groups, not this one."), _("Ask for more groups")),
}


@dataclass(frozen=True)
class Reason:
    """One thing that is missing: a code for programs, words for people, and the page of the next step."""

    code: Code
    dataset: Dataset = field(repr=False)

    @property
    def words(self) -> Promise:
        return _WORDS[self.code][0]

    @property
    def action(self) -> Promise:
        """What the link to `url` is called."""
        return _WORDS[self.code][1]

    @property
    def url(self) -> str:
        page = reverse("datasets:detail", args=[self.dataset.slug])
        match self.code:
            case Code.NOT_READY:
                return page
            case Code.LOG_IN:
                return f"{reverse('account_login')}?{urlencode({'next': page})}"
            case Code.CONFIRM_EMAIL:
                return reverse("account_email")
            case Code.SIGN_AGREEMENT:
                return f"{reverse('accounts:agreement', args=[self.dataset.agreement_id])}?{urlencode({'next': page})}"
            case Code.REQUEST_PENDING | Code.GRANT_REVOKED:
                return reverse("accounts:profile")
            case _:
                return reverse("datasets:request", args=[self.dataset.slug])


@dataclass(frozen=True)
class Decision:
    """Yes, with the grant that allows it; or no, with everything that is missing, the next step first."""

    reasons: tuple[Reason, ...] = ()
    grant: AccessGrant | None = None

    @property
    def allowed(self) -> bool:
        return self.grant is not None and not self.reasons

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(reason.code.value for reason in self.reasons)

    @property
    def next_step(self) -> Reason | None:
        return self.reasons[0] if self.reasons else None


class Standing:
    """Where a person stands with a dataset: loaded once in a few queries, then asked about any number of archives."""

    def __init__(self, user: Person, dataset: Dataset) -> None:
        self.dataset = dataset
        self.is_person = is_person(user)
        self.email_confirmed = self.signed = False
        self.open_request: AccessRequest | None = None
        self.grants: list[AccessGrant] = []  # all that there ever were, the newest first
        self.current: list[AccessGrant] = []  # those that hold now
        if self.is_person:
            self.email_confirmed = has_confirmed_email(user)
            self.signed = has_signed(user, dataset.agreement)
            self.open_request = AccessRequest.objects.filter(
                user=user, dataset=dataset, status=AccessRequest.Status.SUBMITTED
            ).first()
            grants = AccessGrant.objects.filter(user=user, dataset=dataset)
            self.grants = list(grants.prefetch_related("groups").order_by("-created_at", "-pk"))
            holding = set(current_grants(user, dataset).values_list("pk", flat=True))
            self.current = [grant for grant in self.grants if grant.pk in holding]

    def steps(self) -> tuple[Code, ...]:
        """What stands before every download of the dataset, whatever the group."""
        if not self.is_person:
            return (Code.LOG_IN,)
        steps = []
        if not self.email_confirmed:
            steps.append(Code.CONFIRM_EMAIL)
        if not self.signed:
            steps.append(Code.SIGN_AGREEMENT)
        return tuple(steps)

    def groups(self) -> set[int]:
        """Ids of the groups that the current grants cover together."""
        return {group for grant in self.current for group in _covered(grant)}

    def decide(self, needed: Iterable[int], *, published: bool = True) -> Decision:
        """The decision on an archive that holds images of the groups `needed` (ids).

        A segmentation collection has no groups: any grant covers all of it, and `needed` says nothing.
        """
        needed, whole = set(needed), self.dataset.is_segmentation
        codes = [] if published and (needed or whole) else [Code.NOT_READY]
        codes += self.steps()
        if self.is_person and whole and not self.current:
            codes.append(self._why(self.grants))
        elif self.is_person and not whole and (missing := needed - self.groups()):
            # The newest grant that covers one of them is over, or they would not be missing.
            codes.append(self._why(grant for grant in self.grants if missing & _covered(grant)))
        if codes:
            return Decision(tuple(Reason(code, self.dataset) for code in codes))
        return Decision(grant=next(grant for grant in self.current if whole or needed & _covered(grant)))

    def _why(self, former: Iterable[AccessGrant]) -> Code:
        """Why what is needed is not covered; `former`: the grants that would cover some of it, the newest first."""
        if self.open_request is not None:
            return Code.REQUEST_PENDING
        for grant in former:
            return Code.GRANT_EXPIRED if grant.revoked_at is None else Code.GRANT_REVOKED
        return Code.OTHER_GROUP if self.current else Code.ASK_FOR_ACCESS


def _covered(grant: AccessGrant) -> set[int]:
    return {group.pk for group in grant.groups.all()}


def needed_groups(release: Release) -> set[int]:
    """Ids of the groups that a release has archives of: an archive of all groups needs every one of them."""
    return set(Archive.objects.filter(release=release, group__isnull=False).values_list("group_id", flat=True))


def may_download(user: Person, archive: Archive) -> Decision:
    """Whether `user` may have the bytes of `archive` now, and if not, why and what to do. A few queries."""
    needed = {archive.group_id} if archive.group_id is not None else needed_groups(archive.release)
    return Standing(user, archive.release.dataset).decide(needed, published=is_published(archive))


def is_published(archive: Archive) -> bool:
    release = archive.release
    return (
        archive.status == Archive.Status.READY
        and release.status == Release.Status.PUBLISHED
        and release.dataset.is_public
    )


def downloadable(user: Person) -> QuerySet[Archive]:
    """The archives that `user` may download now: the queryset twin of `may_download`."""
    if not is_person(user) or not has_confirmed_email(user):
        return Archive.objects.none()
    dataset = "release__dataset"
    whole = current_grants(user).filter(dataset=OuterRef(dataset))
    covers = whole.filter(groups=OuterRef("group"))
    signed = Signature.objects.filter(
        user=user, agreement=OuterRef(f"{dataset}__agreement"), text_sha256=OuterRef(f"{dataset}__agreement__sha256")
    )
    of_release = Archive.objects.filter(release=OuterRef("release"), group__isnull=False)
    uncovered = of_release.exclude(Exists(covers))
    by_group = Q(group__isnull=False) & Exists(covers) | Q(group=None) & Exists(of_release) & ~Exists(uncovered)
    segmentation = Q(release__dataset__kind=Dataset.Kind.SEGMENTATION)
    return Archive.objects.filter(
        segmentation & Exists(whole) | ~segmentation & by_group,
        Exists(signed),
        status=Archive.Status.READY,
        release__status=Release.Status.PUBLISHED,
        release__dataset__is_public=True,
    )


def may_see_masks(user: Person, dataset: Dataset) -> Decision:
    """Whether `user` may look through the masks of a segmentation collection: who may download them may."""
    return Standing(user, dataset).decide((), published=dataset.is_public)


def visible(user: Person) -> QuerySet[Dataset]:
    """The datasets whose pages `user` may see: the public ones; a data manager sees every one."""
    return Dataset.objects.all() if is_data_manager(user) else Dataset.objects.filter(is_public=True)
