"""How many downloads a person may begin in a minute: each leaves a row and two events, however few its bytes."""

import time

from django.conf import settings
from django.core.cache import cache

from accounts.models import User

_WINDOW = 60  # seconds


def seconds_to_wait(user: User) -> int:
    """Counts one more download that `user` begins; 0 if it may begin, else when to ask again."""
    window, passed = divmod(int(time.time()), _WINDOW)
    key = f"datasets.downloads.{user.pk}.{window}"
    cache.add(key, 0, timeout=2 * _WINDOW)
    return _WINDOW - passed if cache.incr(key) > settings.CXR_DOWNLOADS_PER_MINUTE else 0
