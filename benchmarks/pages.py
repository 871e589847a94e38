"""The pages of a dataset with a million images: how many queries, how many seconds?

    .venv/bin/python -m benchmarks.pages [--images 1000000] [--postgresql] [--rounds 5] [--preview]

Each page is asked for with an empty cache ("cold": the median of two), then again and again ("warm": the median). The
preview compares with the release: a thousand more images are accepted than it has. Queries that took long are told.
"""

import argparse
import os
import statistics
import time
from typing import Any

from benchmarks.large import database, fill, researcher

SLOW = 0.5  # seconds; what is told of a page


class Pages:
    """The portal's pages for a visitor, a researcher with a grant, and a data manager."""

    def __init__(self, release: Any) -> None:
        from django.test import Client

        manager = release.created_by
        manager.is_data_manager = True
        manager.save()
        self.person, _grant = researcher(release.dataset)
        self.clients = {"visitor": Client(), "researcher": Client(), "manager": Client()}
        for name, user in (("researcher", self.person), ("manager", manager)):
            self.clients[name].force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def measure(self, who: str, name: str, address: str, rounds: int, *, cold: int = 2) -> None:
        from django.core.cache import cache
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        seconds: dict[str, list[float]] = {"cold": [], "warm": []}
        queries: dict[str, int] = {}
        slow: dict[str, float] = {}
        for kind, times in (("cold", cold), ("warm", rounds)):
            for _ in range(times):
                if kind == "cold":
                    cache.clear()
                before = time.monotonic()
                with CaptureQueriesContext(connection) as asked:
                    answer = self.clients[who].get(address)
                seconds[kind].append(time.monotonic() - before)
                if answer.status_code != 200:
                    raise SystemExit(f"{address}: {answer.status_code}")
                queries[kind] = len(asked)
                slow |= {row["sql"][:1500]: float(row["time"]) for row in asked if float(row["time"]) > SLOW}
        first, again = (statistics.median(seconds[kind]) for kind in ("cold", "warm"))
        print(
            f"{name:34} {who:10} {len(answer.content) // 1000:5} kB  cold {queries['cold']:3} queries {first:6.2f} s"
            f"  warm {queries['warm']:3} queries {again:6.2f} s",
            flush=True,
        )
        for sql, took in slow.items():
            print(f"    {took:.1f} s: {sql}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preview", action="store_true", help="of the next release alone; takes minutes")
    options = parser.parse_args()
    with database(postgresql=options.postgresql):
        measure(options.images, options.rounds, preview=options.preview)


def measure(images: int, rounds: int, *, preview: bool) -> None:
    from django.conf import settings
    from django.db import connections

    from datasets.services import save_cohort

    settings.ALLOWED_HOSTS.append("testserver")
    before = time.monotonic()
    release = fill(images, extra=1000)
    took = time.monotonic() - before
    print(f"{images:,} images made in {took:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
    pages = Pages(release)
    if preview:
        pages.measure("manager", "publish: preview and difference", "/manage/datasets/benchmark/publish", 1, cold=1)
        return
    filters: dict[str, list[Any]] = {"sex": ["F"], "age": [60, 80]}
    cohort = save_cohort(user=pages.person, release=release, filters=filters)
    at = "/datasets/benchmark/releases/1.0/"
    pages.measure("visitor", "catalogue", "/datasets/", rounds)
    pages.measure("visitor", "dataset", "/datasets/benchmark/", rounds)
    pages.measure("visitor", "release, its files", at, rounds)
    pages.measure("researcher", "release, its files", at, rounds)
    pages.measure("visitor", "statistics", f"{at}statistics/", rounds)
    pages.measure("researcher", "cohort, two conditions", f"{at}cohort?sex=F&age_from=60&age_to=80", rounds)
    pages.measure("visitor", "cohort, its public page", f"/cohorts/{cohort.identifier}", rounds)
    pages.measure("manager", "list of datasets to manage", "/manage/datasets/", rounds)
    pages.measure("manager", "manage the release", f"/manage/releases/{release.pk}/", rounds)
    connections.close_all()


if __name__ == "__main__":
    main()
