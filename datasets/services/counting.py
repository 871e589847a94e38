"""Counting views and downloads for the public, without remembering who it was."""

import hashlib
import hmac
import logging
from functools import cache as once

from allauth.account.adapter import get_adapter
from crawlerdetect import CrawlerDetect  # type: ignore[import-untyped]
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from redis import RedisError

from accounts.models import User
from datasets.models import DailyCount, Dataset, Release

REPEAT_SECONDS = 3600  # the same person or visitor counts once in that time
_log = logging.getLogger(__name__)


def count_view(request: HttpRequest, dataset: Dataset, release: Release | None = None) -> None:
    """Counts a look at the page of `dataset`, or of one release. Robots, HEAD and repeats within an hour do not count.

    It never fails: without its cache or its database a page is still a page, and a view more or less is none.
    """
    if request.method == "GET" and (who := _visitor(request)) is not None:
        _count(who, DailyCount.Kind.VIEW, dataset, release)


def count_download(user: User, dataset: Dataset, release: Release) -> None:
    """Counts a download from `release`: its parts and ranges, fetched by one person within an hour, count as one."""
    _count(f"person {user.pk}", DailyCount.Kind.DOWNLOAD, dataset, release)


def _count(who: str, kind: DailyCount.Kind, dataset: Dataset, release: Release | None) -> None:
    try:
        if cache.add(_mark(who, kind, dataset, release), 1, REPEAT_SECONDS):
            _add(kind, dataset, release)
    except (RedisError, OSError, DatabaseError) as error:
        _log.warning("a %s was not counted: %s", kind, type(error).__name__)


def _visitor(request: HttpRequest) -> str | None:
    """Who asks, for the moment of counting: an account, or an address with a browser; None for a robot."""
    if request.user.is_authenticated:
        # Programs of people (curl, cxr) are no robots.
        return f"person {request.user.pk}"
    browser = request.META.get("HTTP_USER_AGENT", "")
    if not browser or is_robot(browser):
        return None
    try:
        return f"visitor {get_adapter().get_client_ip(request)} {browser}"
    except PermissionDenied:  # an address that can't be told is nobody's
        return None


@once
def _detector() -> CrawlerDetect:
    return CrawlerDetect()


def is_robot(browser: str) -> bool:
    """Whether a User-Agent is a crawler's, a monitor's or a library's, by CrawlerDetect's lists."""
    return bool(_detector().is_crawler(browser[:500]))


def _mark(who: str, kind: str, dataset: Dataset, release: Release | None) -> str:
    """The key under which the cache remembers a repeat for an hour: keyed, so that nobody can try addresses."""
    text = f"{who} {kind} {dataset.pk} {release.pk if release else '-'}"
    return "counted:" + hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _add(kind: DailyCount.Kind, dataset: Dataset, release: Release | None) -> None:
    """One statement for all but the first of a day, so that the row is locked for no longer than it takes."""
    row = {"kind": kind, "dataset": dataset, "release": release, "day": timezone.localdate()}
    same = DailyCount.objects.filter(**row)
    if same.update(count=F("count") + 1):
        return
    try:
        with transaction.atomic():
            DailyCount.objects.create(**row, count=1)
    except IntegrityError:  # another was first
        same.update(count=F("count") + 1)
