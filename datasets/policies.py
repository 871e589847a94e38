"""Who may download what. Denied by default: a role gives no right to data, only a grant does.

`may_download` and `downloadable` say the same, once with reasons for one archive and once as a queryset.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import factors
from accounts.models import AccessGrant, AccessRequest, Content
from accounts.policies import Person, is_curator, is_data_manager, is_person
from accounts.selectors import (
    current_grants,
    has_confirmed_email,
    has_second_factor,
    has_signed,
    open_requests,
    signed_agreements,
)
from datasets.models import Archive, Cohort, CohortOrder, Dataset, Release

# What of an image each archive holds; None: tables and texts, which come with a grant for anything of the group. An
# archive whose content is not named here is nobody's.
CONTENT_OF: dict[str, Content | None] = {
    Archive.Content.RADIOGRAPHS: Content.ORIGINALS,
    Archive.Content.IMAGES: Content.ORIGINALS,
    Archive.Content.LUNG_REGIONS: Content.REGIONS,
    Archive.Content.LUNG_MASKS: Content.MASKS,
    Archive.Content.MASKS: Content.MASKS,
    Archive.Content.METADATA: None,
    Archive.Content.DEIDENTIFICATION: None,
    Archive.Content.QUALITY: None,
    Archive.Content.ABOUT: None,
    Archive.Content.SUMS: None,
}
# Texts about a release that tell nothing of images: a grant for any group of the dataset opens them.
OF_ANY_GROUP = (Archive.Content.ABOUT, Archive.Content.SUMS)
ANY_GROUP = 0  # no group has this id; every grant covers it


class Code(StrEnum):
    """Why somebody may not download, in the order of the steps that lead there."""

    NOT_READY = "not_ready"
    WITHDRAWN = "withdrawn"
    REMOVED = "removed"
    LOG_IN = "log_in"
    CONFIRM_EMAIL = "confirm_email"
    SIGN_AGREEMENT = "sign_agreement"
    SET_UP_MFA = "set_up_mfa"
    ASK_FOR_ACCESS = "ask_for_access"
    FINISH_REQUEST = "finish_request"
    ANSWER_QUESTION = "answer_question"
    REQUEST_PENDING = "request_pending"
    GRANT_EXPIRED = "grant_expired"
    GRANT_ENDED = "grant_ended"
    GRANT_REVOKED = "grant_revoked"
    OTHER_GROUP = "other_group"
    OTHER_CONTENT = "other_content"


_WORDS: dict[Code, tuple[Promise, Promise]] = {
    Code.NOT_READY: (_("This file is not published yet."), _("Back to the dataset")),
    Code.WITHDRAWN: (
        _("This file was withdrawn, because an image in it was. A later version has the rest."),
        _("See the versions"),
    ),
    Code.REMOVED: (
        _("This archive of a cohort was removed, because nobody downloaded it for a while. Order it anew on its page."),
        _("Back to the dataset"),
    ),
    Code.LOG_IN: (_("You are not signed in."), _("Sign in or register")),
    Code.CONFIRM_EMAIL: (_("Your e-mail address is not confirmed yet."), _("Confirm your e-mail address")),
    Code.SIGN_AGREEMENT: (_("You have not signed the data use agreement."), _("Read and sign the agreement")),
    Code.SET_UP_MFA: (
        _("Your account needs a second factor for this: a passkey or an authenticator app."),
        _("Set up a second factor"),
    ),
    Code.ASK_FOR_ACCESS: (_("You have not asked for access to these images."), _("Ask for access")),
    Code.FINISH_REQUEST: (_("You began a request and have not sent it yet."), _("Finish your request")),
    Code.ANSWER_QUESTION: (_("More information is asked about your request."), _("Read the question and answer")),
    Code.REQUEST_PENDING: (_("Your request is waiting for a decision."), _("See your request")),
    Code.GRANT_EXPIRED: (_("Your access has expired."), _("Renew your access")),
    Code.GRANT_ENDED: (
        _("Your access has ended: the new agreement was not signed in time."),
        _("Ask for access again"),
    ),
    Code.GRANT_REVOKED: (_("Your access was revoked by a data manager."), _("See the reason")),
    Code.OTHER_GROUP: (_("Your access covers other diagnosis groups, not this one."), _("Ask for more groups")),
    Code.OTHER_CONTENT: (
        _("Your access covers other files of this group: the images, the lung regions or the masks, not these."),
        _("Ask for these files too"),
    ),
}


@dataclass(frozen=True)
class Reason:
    """One thing that is missing: a code for programs, words for people, and the page of the next step."""

    code: Code
    dataset: Dataset = field(repr=False)
    about: AccessRequest | AccessGrant | None = field(default=None, repr=False)

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
            case Code.NOT_READY | Code.WITHDRAWN | Code.REMOVED:
                return page
            case Code.LOG_IN:
                return f"{reverse('account_login')}?{urlencode({'next': page})}"
            case Code.CONFIRM_EMAIL:
                return reverse("account_email")
            case Code.SIGN_AGREEMENT:
                return f"{reverse('accounts:agreement', args=[self.dataset.agreement_id])}?{urlencode({'next': page})}"
            case Code.SET_UP_MFA:
                return reverse("mfa_index")
            case Code.REQUEST_PENDING | Code.ANSWER_QUESTION if self.about is not None:
                return reverse("accounts:request", args=[self.about.pk])
            case Code.GRANT_REVOKED | Code.REQUEST_PENDING | Code.ANSWER_QUESTION:
                return reverse("accounts:profile")
            case Code.GRANT_EXPIRED if self.about is not None:
                return f"{reverse('datasets:request', args=[self.dataset.slug])}?{urlencode({'renew': self.about.pk})}"
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
        self.email_confirmed = self.signed = self.second_factor = False
        self.open_request: AccessRequest | None = None
        self.grants: list[AccessGrant] = []  # all that there ever were, the newest first
        self.current: list[AccessGrant] = []  # those that hold now
        if self.is_person:
            self.email_confirmed = has_confirmed_email(user)
            self.signed = has_signed(user, dataset.agreement)
            needed = dataset.requires_mfa or factors.required_of(user)
            self.second_factor = not needed or has_second_factor(user)
            self.open_request = open_requests(user).filter(dataset=dataset).first()
            grants = AccessGrant.objects.filter(user=user, dataset=dataset)
            self.grants = list(grants.prefetch_related("groups").order_by("-created_at", "-pk"))
            holding = set(current_grants(user, dataset).values_list("pk", flat=True))
            self.current = [grant for grant in self.grants if grant.pk in holding]

    def before_asking(self) -> tuple[Code, ...]:
        """What has to be done before a request can be sent."""
        if not self.is_person:
            return (Code.LOG_IN,)
        steps = [] if self.email_confirmed else [Code.CONFIRM_EMAIL]
        return (*steps,) if self.signed else (*steps, Code.SIGN_AGREEMENT)

    def steps(self) -> tuple[Code, ...]:
        """What stands before every download of the dataset, whatever the group."""
        steps = self.before_asking()
        return steps if self.second_factor or not self.is_person else (*steps, Code.SET_UP_MFA)

    def groups(self) -> set[int]:
        """Ids of the groups that the current grants cover together."""
        return {group for grant in self.current for group in _covered(grant)}

    def decide(self, needed: Iterable[int], content: Content | None = None, *, published: bool = True) -> Decision:
        """The decision on an archive that holds images of the groups `needed` (ids); None for `content`: tables.

        A segmentation collection has no groups: any grant covers all of it, and `needed` says nothing.
        """
        # A collection is one group, as it were, that every grant of it covers.
        needed = {ANY_GROUP} if self.dataset.is_segmentation else set(needed)
        codes = [] if published and needed else [Code.NOT_READY]
        codes += self.steps()
        reasons = [Reason(code, self.dataset) for code in codes]
        opening = [grant for grant in self.current if _opens(grant, content)]
        missing = needed - {group for grant in opening for group in self._covered(grant)}
        if self.is_person and missing:
            reasons.append(self._why(missing, content))
        if reasons:
            return Decision(tuple(reasons))
        return Decision(grant=next(grant for grant in opening if needed & self._covered(grant)))

    def _covered(self, grant: AccessGrant) -> set[int]:
        return {ANY_GROUP, *_covered(grant)}

    def _why(self, missing: set[int], content: Content | None) -> Reason:
        """Why no current grant opens `content` of the groups `missing`."""
        if self.open_request is not None:
            return Reason(_UNFINISHED[self.open_request.status], self.dataset, self.open_request)
        # The newest grant that covers one of them is over, or it would not be missing.
        for grant in self.grants:
            renewed = grant.ended_by == AccessGrant.End.RENEWED
            if not renewed and missing & self._covered(grant) and _opens(grant, content):
                return Reason(_END[grant.ended_by] if grant.revoked_at else Code.GRANT_EXPIRED, self.dataset, grant)
        if any(missing & self._covered(grant) for grant in self.current):
            return Reason(Code.OTHER_CONTENT, self.dataset)
        if self.current:
            return Reason(Code.OTHER_GROUP, self.dataset)
        # Whoever had access to something else of the dataset reads how that ended.
        for grant in self.grants:
            if grant.revoked_at and grant.ended_by in ("", AccessGrant.End.REVOKED):
                return Reason(Code.GRANT_REVOKED, self.dataset, grant)
        return Reason(Code.ASK_FOR_ACCESS, self.dataset)


_UNFINISHED: dict[str, Code] = {
    AccessRequest.Status.DRAFT: Code.FINISH_REQUEST,
    AccessRequest.Status.SUBMITTED: Code.REQUEST_PENDING,
    AccessRequest.Status.MORE_INFORMATION: Code.ANSWER_QUESTION,
}
_END: dict[str, Code] = {
    "": Code.GRANT_REVOKED,  # from before the kinds of ends were told apart
    AccessGrant.End.REVOKED: Code.GRANT_REVOKED,
    AccessGrant.End.AGREEMENT: Code.GRANT_ENDED,
    AccessGrant.End.CLOSED: Code.ASK_FOR_ACCESS,
}


def _covered(grant: AccessGrant) -> set[int]:
    return {group.pk for group in grant.groups.all()}


def _opens(grant: AccessGrant, content: Content | None) -> bool:
    return content is None or content in grant.contents


def needed_groups(release: Release) -> set[int]:
    """Ids of the groups that a release has archives of: an archive of all groups needs every one of them."""
    return set(Archive.objects.filter(release=release, group__isnull=False).values_list("group_id", flat=True))


def may_download(user: Person, archive: Archive) -> Decision:
    """Whether `user` may have the bytes of `archive` now, and if not, why and what to do. A few queries."""
    standing = Standing(user, archive.release.dataset)
    if archive.cohort_id is not None:
        groups = set(archive.order.groups.values_list("pk", flat=True))
        published = is_published(archive)
        return _gone(archive, standing) or _decide_cohort(
            standing, archive.release, groups, archive.content, published=published
        )
    needed = {archive.group_id} if archive.group_id is not None else needed_groups(archive.release)
    return decide_archive(standing, archive, needed)


def decide_archive(standing: Standing, archive: Archive, needed: Iterable[int]) -> Decision:
    """The decision on `archive` (of a release), which holds images of the groups `needed` (ids), for whoever stands
    so."""
    needed = {ANY_GROUP} if archive.content in OF_ANY_GROUP else needed
    decision = standing.decide(needed, CONTENT_OF.get(archive.content), published=is_published(archive))
    return _gone(archive, standing) or decision


def _gone(archive: Archive, standing: Standing) -> Decision | None:
    if archive.status not in Archive.GONE:
        return None
    code = Code.WITHDRAWN if archive.status == Archive.Status.WITHDRAWN else Code.REMOVED
    return Decision((Reason(code, standing.dataset),))


def may_order(standing: Standing, cohort: Cohort, groups: Iterable[int], content: str) -> Decision:
    """Whether whoever stands so may have an archive made of `content` of a cohort, whose images are of `groups` (ids):
    who may download it may."""
    release = cohort.release
    return _decide_cohort(standing, release, groups, content, published=_may_be_chosen_from(release))


def _decide_cohort(
    standing: Standing, release: Release, groups: Iterable[int], content: str, *, published: bool
) -> Decision:
    """What fits a condition, and of which groups it is, tells of the whole table: who may have that, and such files of
    these groups (ids), may have them."""
    published &= content in CONTENT_OF and content not in OF_ANY_GROUP
    table = standing.decide(needed_groups(release), CONTENT_OF[Archive.Content.METADATA], published=published)
    return standing.decide(groups, CONTENT_OF.get(content), published=published) if table.allowed else table


def _may_be_chosen_from(release: Release) -> bool:
    """Not from one that tells of diagnoses alone, not of people and hospitals."""
    published = release.status == Release.Status.PUBLISHED and release.dataset.is_public
    return published and not release.about.get("labels_only")


def is_published(archive: Archive) -> bool:
    release = archive.release
    return (
        archive.status == Archive.Status.READY
        and archive.content in CONTENT_OF
        and release.status == Release.Status.PUBLISHED
        and release.dataset.is_public
    )


def downloadable(user: Person) -> QuerySet[Archive]:
    """The archives that `user` may download now: the queryset twin of `may_download`."""
    if not is_person(user) or not has_confirmed_email(user):
        return Archive.objects.none()
    datasets = Dataset.objects.filter(agreement__in=signed_agreements(user), is_public=True)
    if not has_second_factor(user):
        datasets = Dataset.objects.none() if factors.required_of(user) else datasets.filter(requires_mfa=False)
    return Archive.objects.filter(
        _covered_by(current_grants(user)),
        status=Archive.Status.READY,
        release__status=Release.Status.PUBLISHED,
        release__dataset__in=datasets,
    )


def _covered_by(grants: QuerySet[AccessGrant]) -> Q:
    """Of all archives those whose groups and content `grants` cover."""
    # A list of words in JSON is text that holds each word in quotes, on every database.
    worded = grants.annotate(words=Cast("contents", TextField()))
    whole = worded.filter(dataset=OuterRef("release__dataset"))
    of_release = Archive.objects.filter(release=OuterRef("release"), group__isnull=False)
    of_cohort = CohortOrder.groups.through.objects.filter(cohortorder=OuterRef("pk"))  # an order has its archive's id
    for_cohort = worded.filter(
        dataset=OuterRef("cohortorder__archive__release__dataset"), groups=OuterRef("diagnosisgroup")
    )
    segmentation = Q(release__dataset__kind=Dataset.Kind.SEGMENTATION)
    covered = Q(Exists(whole), content__in=OF_ANY_GROUP, cohort=None)
    untold = of_release.exclude(Exists(worded.filter(dataset=OuterRef("release__dataset"), groups=OuterRef("group"))))
    table = Exists(of_release) & ~Exists(untold)
    for content in (None, *Content):
        opening = whole if content is None else whole.filter(words__contains=f'"{content}"')
        covers = opening.filter(groups=OuterRef("group"))
        uncovered = of_release.exclude(Exists(covers))
        of_all = Q(group=None, cohort=None) & Exists(of_release) & ~Exists(uncovered)
        covers_cohort = for_cohort if content is None else for_cohort.filter(words__contains=f'"{content}"')
        uncovered_of_cohort = of_cohort.exclude(Exists(covers_cohort))
        cohort = Q(cohort__isnull=False) & table & Exists(of_cohort) & ~Exists(uncovered_of_cohort)
        by_group = Q(group__isnull=False) & Exists(covers) | of_all | cohort
        held = [
            archive for archive, opened_by in CONTENT_OF.items() if opened_by == content and archive not in OF_ANY_GROUP
        ]
        covered |= Q(content__in=held) & (segmentation & Exists(opening) | ~segmentation & by_group)
    return covered


def may_choose(user: Person, release: Release) -> Decision:
    """Whether `user` may count images of a release by their metadata: counts of any condition tell the rows, so who may
    download the table of all of them may."""
    return Standing(user, release.dataset).decide(
        needed_groups(release), CONTENT_OF[Archive.Content.METADATA], published=_may_be_chosen_from(release)
    )


def may_see_masks(user: Person, dataset: Dataset) -> Decision:
    """Whether `user` may look through the masks of a segmentation collection: who may download them may."""
    return Standing(user, dataset).decide((), Content.MASKS, published=dataset.is_public)


def may_report(user: Person, dataset: Dataset) -> bool:
    """Whether `user` may report an image of `dataset`: who has, or may have, images of it before the eyes."""
    if is_data_manager(user):
        return True
    return dataset.is_public and (is_curator(user) or (is_person(user) and current_grants(user, dataset).exists()))


def visible(user: Person) -> QuerySet[Dataset]:
    """The datasets whose pages `user` may see: the public ones; a data manager sees every one."""
    return Dataset.objects.all() if is_data_manager(user) else Dataset.objects.filter(is_public=True)
