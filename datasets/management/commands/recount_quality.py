"""Counts the quality scores of datasets anew, e.g. after an older version of the portal has added images."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from datasets.models import Dataset
from datasets.services import recount_scores


class Command(BaseCommand):
    help = (
        "Counts the quality scores of a dataset's accepted radiographs anew, and says whether what was kept was right."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", metavar="SLUG", help="of one dataset; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        datasets = Dataset.objects.order_by("slug")
        if options["slug"]:
            datasets = datasets.filter(slug=options["slug"])
            if not datasets:
                raise CommandError(f"There is no dataset '{options['slug']}'.")
        for dataset in datasets:
            right = recount_scores(dataset)
            self.stdout.write(f"{dataset.slug}: {'right' if right else 'was wrong, is right now'}")
