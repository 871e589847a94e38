"""Random histories of people, agreements, requests and grants. After every step the two forms of the policy agree with
each other and with a model written here that shares nothing with them, and bytes come to who may have them alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import services
from accounts.errors import AccountsError
from accounts.models import AccessGrant, AccessRequest, Agreement, User
from accounts.services.leaving import close_account
from datasets.models import Archive, Cohort, CohortOrder, Dataset, DiagnosisGroup, Download, Release
from datasets.policies import Standing, downloadable, may_download, may_order
from tests.people import People
from tests.world import ARCHIVE_BYTES

EVER = datetime(2100, 1, 1, tzinfo=UTC)
COHORT = -1  # an archive of a cohort that has images of group 0 alone: they, and the table of both, are needed
# Group (0, 1, None: both) and content of the archives, and which content a grant has to name for each.
ARCHIVES = [
    (0, "radiographs"), (0, "lung_masks"), (1, "lung_regions"), (1, "quality"), (None, "masks"), (COHORT, "lung_masks")
]  # fmt: skip
OPENED_BY = {"radiographs": "originals", "lung_masks": "masks", "masks": "masks", "lung_regions": "regions"}
PEOPLE = 2


class Clock(datetime):
    """Time that stands still until a history moves it; `timezone.now` reads it, wherever it is called."""

    at = datetime(2030, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.at


@dataclass
class Given:
    """A grant as the model knows it."""

    groups: frozenset[int]
    contents: frozenset[str]
    begin: datetime
    end: datetime
    over: datetime = EVER  # when it ended before its time

    def holds(self, at: datetime) -> bool:
        return self.begin <= at < min(self.end, self.over)


@dataclass
class Someone:
    user: User
    closed: bool = False
    confirmed: bool = True
    factor: bool = False
    signed: set[int] = field(default_factory=set)  # versions
    asked: tuple[frozenset[int], frozenset[str], int | None] | None = None  # of the unfinished request
    state: str = ""
    revoked: bool = False  # once, so an open dataset does not open at once
    grants: dict[int, Given] = field(default_factory=dict)  # by the row's id


class History:
    """What happened so far, in the database and in the model."""

    def __init__(self) -> None:
        people = People()
        self.manager, self.reviewer = people.manager(), people.person("Vera Reviewer")
        self.people = [Someone(people.researcher()) for _ in range(PEOPLE)]
        self.agreement = services.publish_agreement(
            manager=self.manager, code="dua", version="0", title="Agreement", text="Version 0."
        )
        self.grace: list[datetime] = [EVER]  # of each version: until when the one before counts
        self.dataset = Dataset.objects.create(
            slug="example", title="Example", agreement=self.agreement, is_public=True, grant_days=50
        )
        self.dataset.reviewers.add(self.reviewer)
        self.groups = [
            DiagnosisGroup.objects.create(dataset=self.dataset, class_id=number + 1, label=f"GROUP {number}")
            for number in range(2)
        ]
        release = Release.objects.create(
            dataset=self.dataset, version="1.0", status="published", created_by=self.manager, published_at=Clock.at
        )
        path = storages["archives"].save("a.zip", ContentFile(ARCHIVE_BYTES))
        self.cohort = Cohort.objects.create(
            release=release, identifier="c", filters={}, images=1, created_by=self.manager
        )
        for number, (group, content) in enumerate(ARCHIVES):
            archive = Archive.objects.create(
                release=release,
                group=self.groups[group] if group in (0, 1) else None,
                cohort=self.cohort if group == COHORT else None,
                content=content,
                filename=f"{number}.zip",
                file=path,
                size=len(ARCHIVE_BYTES),
                sha256=f"{number:064}",
                status="ready",
            )
            if group == COHORT:
                order = CohortOrder.objects.create(archive=archive, by=self.people[0].user)
                order.groups.set(self.groups[:1])
                order.people.set(someone.user for someone in self.people)

    # The model.

    def has_signed(self, someone: Someone) -> bool:
        for version in range(len(self.grace) - 1, -1, -1):
            if version in someone.signed:
                return True
            if version == 0 or self.grace[version] <= Clock.at:
                return False
        return False

    def may(self, someone: Someone, number: int) -> bool:
        group, content = ARCHIVES[number]
        needed = {0, 1} if group is None else {0 if group == COHORT else group}
        covered = self.covered(someone, OPENED_BY.get(content))
        return (
            not someone.closed
            and someone.confirmed
            and self.dataset.is_public
            and self.has_signed(someone)
            and (someone.factor or not self.dataset.requires_mfa)
            and needed <= covered
            and (group != COHORT or self.covered(someone, None) == {0, 1})
        )

    def covered(self, someone: Someone, opened_by: str | None) -> set[int]:
        return {
            covered
            for grant in someone.grants.values()
            if grant.holds(Clock.at) and (opened_by is None or opened_by in grant.contents)
            for covered in grant.groups
        }

    def request(self, someone: Someone) -> AccessRequest:
        return AccessRequest.objects.get(user=someone.user, status__in=AccessRequest.UNFINISHED)

    def note_grant(self, someone: Someone, groups: frozenset[int], contents: frozenset[str], days: int) -> None:
        assert someone.asked is not None
        begin, renews = Clock.at, someone.asked[2]
        if renews is not None and (former := someone.grants[renews]).holds(Clock.at):
            begin = former.end
        if renews is not None and someone.grants[renews].over == EVER:
            someone.grants[renews].over = Clock.at
        row = AccessGrant.objects.filter(user=someone.user).latest("pk")
        someone.grants[row.pk] = Given(groups, contents, Clock.at, begin + timedelta(days=days))
        someone.asked, someone.state = None, ""

    # What people do. Each says whether the service took it, and the model has to have known.

    def sign(self, someone: Someone, _draw: Any) -> None:
        user = someone.user
        if _done(services.sign, user=user, agreement=self.agreement, typed_name=user.name, institution="University"):
            assert not someone.closed
            assert someone.confirmed
            someone.signed.add(len(self.grace) - 1)

    def replace_agreement(self, _someone: Someone, draw: Any) -> None:
        version, days = len(self.grace), draw(st.sampled_from([0, 20]))
        self.agreement = services.publish_agreement(
            manager=self.manager,
            code="dua",
            version=str(version),
            title="Agreement",
            text=f"Version {version}.",
            replaces=Agreement.objects.get(pk=self.agreement.pk),
            grace_days=days,
        )
        self.grace.append(Clock.at + timedelta(days=days))

    def ask(self, someone: Someone, draw: Any) -> None:
        """Asks, sends a draft, or answers a question; now and then with the aim to renew."""
        groups, contents = draw(st.just(BOTH) | GROUPS), draw(st.just(EVERYTHING) | CONTENTS)
        if draw(st.integers(0, 15)) == 15:
            groups, contents = draw(st.sampled_from([(frozenset[int](), contents), (groups, frozenset[str]())]))
        renews = draw(st.sampled_from([None, *someone.grants])) if someone.asked is None else someone.asked[2]
        saved = _done(
            services.save_request,
            user=someone.user,
            dataset=self.dataset,
            groups=[self.groups[number] for number in groups],
            contents=contents,
            project="p",
            purpose="p",
            achieved="Much.",
            renews=None if renews is None else AccessGrant.objects.get(pk=renews),
            request=self.request(someone) if someone.state in ("draft", "more_information") else None,
        )
        if not saved:
            return
        assert not someone.closed
        assert someone.state != "submitted"
        assert renews is None or someone.grants[renews].end - Clock.at <= timedelta(days=60)
        someone.asked, someone.state = (groups, contents, renews), someone.state or "draft"
        if draw(st.integers(0, 7)) == 7:
            return  # kept for later
        eligible = someone.confirmed and self.has_signed(someone) and self.dataset.is_public and groups and contents
        if _done(services.submit_request, request=self.request(someone), user=someone.user):
            assert eligible
            someone.state = "submitted"
            if self.dataset.access == "open" and not someone.revoked:
                self.note_grant(someone, groups, contents, 50)
        else:
            assert not eligible or renews is not None

    def decide(self, someone: Someone, draw: Any) -> None:
        if someone.asked is None:
            return
        groups, contents = someone.asked[0] & draw(GROUPS), someone.asked[1] & draw(CONTENTS)
        what, request = draw(st.sampled_from(["grant", "grant", "grant", "refuse", "ask"])), self.request(someone)
        if what == "ask":
            if _done(services.ask_more, request=request, reviewer=self.reviewer, text="Who?"):
                assert someone.state == "submitted"
                someone.state = "more_information"
            return
        chosen = [self.groups[number] for number in groups]
        given: dict[str, Any] = {"reason": "No."} if what == "refuse" else {"groups": chosen, "contents": contents}
        days = draw(st.sampled_from([10, 40]))
        if _done(services.decide, request=request, manager=self.reviewer, granted=what == "grant", days=days, **given):
            assert someone.state == "submitted"
            if what == "grant":
                assert groups
                assert contents
                self.note_grant(someone, groups, contents, days)
            else:
                someone.asked, someone.state = None, ""

    def withdraw(self, someone: Someone, _draw: Any) -> None:
        if someone.asked is not None and not someone.closed:
            services.withdraw_request(request=self.request(someone), user=someone.user)
            someone.asked, someone.state = None, ""

    def revoke(self, someone: Someone, draw: Any) -> None:
        if someone.grants:
            pk = draw(st.sampled_from(sorted(someone.grants)))
            grant = AccessGrant.objects.get(pk=pk)
            if _done(services.revoke, grant=grant, manager=self.manager, reason="Over."):
                assert someone.grants[pk].over == EVER
                someone.grants[pk].over, someone.revoked = Clock.at, True

    def close(self, someone: Someone, draw: Any) -> None:
        if draw(st.integers(0, 3)) == 3 and not someone.closed:
            close_account(user=someone.user)
            someone.closed, someone.asked, someone.state = True, None, ""
            for grant in someone.grants.values():
                grant.over = min(grant.over, Clock.at)

    def second_factor(self, someone: Someone, draw: Any) -> None:
        if draw(st.booleans()):
            self.dataset.requires_mfa = not self.dataset.requires_mfa
            self.dataset.save(update_fields=["requires_mfa"])
        elif not someone.closed:
            someone.factor = not someone.factor
            rows = Authenticator.objects.filter(user=someone.user)
            if someone.factor:
                Authenticator.objects.create(user=someone.user, type=Authenticator.Type.TOTP, data={})
            else:
                rows.delete()

    def change_dataset(self, _someone: Someone, draw: Any) -> None:
        if draw(st.booleans()):
            self.dataset.is_public = not self.dataset.is_public
        else:
            self.dataset.access = "open" if self.dataset.access == "request" else "request"
        self.dataset.save(update_fields=["is_public", "access"])

    def lose_address(self, someone: Someone, _draw: Any) -> None:
        if not someone.closed:
            someone.confirmed = not someone.confirmed
            someone.user.emailaddress_set.update(verified=someone.confirmed)  # type: ignore[attr-defined]

    def wait(self, _someone: Someone, draw: Any) -> None:
        Clock.at += timedelta(days=draw(st.sampled_from([3, 15, 30])))

    def keep_house(self, _someone: Someone, _draw: Any) -> None:
        services.housekeeping()
        for someone in self.people:
            late = len(self.grace) > 1 and self.grace[-1] <= Clock.at and not self.has_signed(someone)
            for grant in someone.grants.values():
                if late and not someone.closed and grant.holds(Clock.at):
                    grant.over = Clock.at

    # What has to hold.

    def check(self, someone: Someone, number: int) -> None:
        """The policy in both forms is the model; a real download of one archive gives bytes to who may alone."""
        user = User.objects.get(pk=someone.user.pk)
        archives = list(Archive.objects.select_related("release__dataset__agreement").order_by("filename"))
        expected = [self.may(someone, place) for place in range(len(archives))]
        assert [may_download(user, archive).allowed for archive in archives] == expected
        cohort = Cohort.objects.select_related("release__dataset__agreement").get(pk=self.cohort.pk)
        standing = Standing(user, cohort.release.dataset)
        assert may_order(standing, cohort, [self.groups[0].pk], "lung_masks").allowed == expected[COHORT]
        listed = set(downloadable(user).values_list("filename", flat=True))
        assert listed == {archive.filename for archive, allowed in zip(archives, expected, strict=True) if allowed}
        self.download(someone, user, archives[number], allowed=expected[number])

    def download(self, someone: Someone, user: User, archive: Archive, *, allowed: bool) -> None:
        client, before = Client(), Download.objects.count()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        response: Any = client.get(f"/archives/{archive.pk}/download")
        content = b"".join(response.streaming_content) if response.streaming else response.content
        assert (content == ARCHIVE_BYTES) == allowed == (response.status_code == 200)
        assert Download.objects.count() - before == int(allowed)
        if allowed:
            row = Download.objects.latest("pk")
            assert (row.user_id, row.archive_id, row.grant.user_id) == (user.pk, archive.pk, user.pk)
            assert someone.grants[row.grant_id].holds(row.at)


def _done(service: Callable[..., object], **values: object) -> bool:
    try:
        service(**values)
    except AccountsError:
        return False
    return True


BOTH, EVERYTHING = frozenset({0, 1}), frozenset({"originals", "regions", "masks"})
GROUPS = st.sampled_from([BOTH, BOTH, frozenset({0}), frozenset({1})])
CONTENTS = st.sampled_from(
    [EVERYTHING, frozenset({"originals", "masks"}), frozenset({"regions"}), frozenset({"masks"})]
)
# The more often a thing stands here, the more often it happens.
STEPS = [
    *(History.sign,) * 2,
    *(History.ask,) * 5,
    *(History.decide,) * 5,
    *(History.wait,) * 3,
    *(History.keep_house,) * 2,
    History.replace_agreement,
    History.withdraw,
    *(History.revoke,) * 2,
    History.close,
    History.second_factor,
    History.change_dataset,
    History.lose_address,
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(timezone, "datetime", Clock)
    yield
    Clock.at = datetime(2030, 1, 1, tzinfo=UTC)


def _said(*values: Any) -> Callable[[Any], Any]:
    """Draws what is said here, in this order."""
    left = iter(values)
    return lambda _strategy: next(left)


def _granted(
    history: History, someone: Someone, groups: frozenset[int] = BOTH, contents: frozenset[str] = EVERYTHING
) -> None:
    history.sign(someone, None)
    history.ask(someone, _said(BOTH, EVERYTHING, 0, None, 0))
    history.decide(someone, _said(groups, contents, "grant", 40))
    assert someone.grants


def _check_all(history: History) -> None:
    for someone in history.people:
        for number in range(len(ARCHIVES)):
            history.check(someone, number)


@pytest.fixture
def history(db: None, clock: None) -> History:
    return History()


def test_a_grant_opens_what_it_names(history: History) -> None:
    _check_all(history)
    _granted(history, history.people[0], frozenset({0}), frozenset({"masks"}))
    _granted(history, history.people[1])
    _check_all(history)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda h, s: h.revoke(s, _said(next(iter(s.grants)))), id="revoked"),
        pytest.param(lambda h, s: [h.wait(s, _said(15)) for _ in range(3)], id="expired"),
        pytest.param(lambda h, s: (h.replace_agreement(s, _said(20)), h.wait(s, _said(30))), id="superseded"),
        pytest.param(lambda h, s: h.close(s, _said(3)), id="closed"),
        pytest.param(lambda h, s: h.second_factor(s, _said(True)), id="factor"),
        pytest.param(lambda h, s: h.change_dataset(s, _said(True)), id="hidden"),
        pytest.param(lambda h, s: h.lose_address(s, None), id="address"),
    ],
)
def test_whatever_ends_it_closes_every_way(history: History, end: Callable[[History, Someone], object]) -> None:
    someone = history.people[0]
    _granted(history, someone)
    history.check(someone, 0)
    assert history.may(someone, 0)
    end(history, someone)
    assert not history.may(someone, 0)
    history.check(someone, 0)
    history.keep_house(someone, None)
    history.check(someone, 1)


@pytest.mark.usefixtures("db", "clock")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_history_opens_what_no_grant_opens(data: st.DataObject) -> None:
    Clock.at = datetime(2030, 1, 1, tzinfo=UTC)
    with transaction.atomic():
        history = History()
        first, second = history.people
        _granted(history, first, data.draw(GROUPS), data.draw(CONTENTS))
        history.sign(second, data.draw)
        for _ in range(data.draw(st.integers(3, 8))):
            someone, step = data.draw(st.sampled_from(history.people)), data.draw(st.sampled_from(STEPS))
            Clock.at += timedelta(minutes=1)
            step(history, someone, data.draw)
            history.check(someone, data.draw(st.integers(0, len(ARCHIVES) - 1)))
        for someone in history.people:
            history.check(someone, 0)
        assert not downloadable(AnonymousUser()).exists()
        transaction.set_rollback(True)
