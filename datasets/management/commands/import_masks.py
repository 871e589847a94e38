"""Brings a collection of hand-drawn lung masks in."""

import argparse
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Agreement, User
from accounts.policies import is_curator, is_data_manager
from datasets import services
from datasets.models import Dataset
from datasets.segmentation.importing import Importer, Rules
from datasets.segmentation.table import COLUMNS, BadTable, Reader, records
from datasets.services.segmentation import SOURCE_WORDS, set_source

SAY_EVERY = 5.0  # seconds
LISTED = 200  # problems; more are counted

DESCRIPTION = f"""
Imports the lung masks that the table INDEX (CSV) lists, row by row, into the segmentation collection DATASET.

Columns: {", ".join(COLUMNS.values())}. Only mask and source are needed; --column gives other headings, e.g.
--column set=split, or passes over one: --column source=. mask and image are paths within --root. filename is the
published name (default: the mask's); its folder and ending are cut off. radiograph names an accepted image of ours that
the mask was drawn on.

It can be stopped and started again: what is there already is skipped. Rows with problems are listed by number and
bring in nothing; the exit status is 1 then.
"""


class Command(BaseCommand):
    help = DESCRIPTION

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("dataset", metavar="DATASET", help="the short name of the collection")
        parser.add_argument("index", type=Path, metavar="INDEX")
        parser.add_argument("--user", required=True, metavar="EMAIL", help="the data manager who brings it in")
        parser.add_argument("--root", type=Path, metavar="DIR", help="where the files lie; default: where INDEX lies")
        parser.add_argument("--dry-run", action="store_true", help="look at every row and write nothing")
        table = parser.add_argument_group("the table")
        table.add_argument("--column", action="append", default=[], metavar="COLUMN=HEADING")
        table.add_argument("--source", default="", metavar="NAME", help="the source of rows that name none")
        table.add_argument("--sources", type=Path, metavar="CSV", help=f"source, source_id, {', '.join(SOURCE_WORDS)}")
        table.add_argument("--name-suffix", default="", help="at the end of each published name: a second reader's")
        table.add_argument("--skip-without-mask", action="store_true", help="rows that name no mask are no problem")
        masks = parser.add_argument_group("the masks")
        masks.add_argument("--resize", action="store_true", help="make masks of another size fit their images")
        masks.add_argument("--replace", action="store_true", help="where a mask of that name differs, take the new one")
        masks.add_argument("--seed", default="1", help="gives sets (70 : 15 : 15) where the table gives none")
        images = parser.add_argument_group("the images")
        images.add_argument(
            "--images",
            choices=["none", "ours", "licensed"],
            default="none",
            help="none (default); those of the sources that are ours; or also those whose row names a licence that "
            "lets everybody pass them on (CC0, CC BY, with -NC and -SA, not -ND; never one that is unstated)",
        )
        images.add_argument("--ours", action="append", default=[], metavar="SOURCE", help="its images are ours")
        images.add_argument(
            "--checked-by",
            metavar="EMAIL",
            help="the curator who has looked at every image for text that identifies a patient. What the program still "
            "doubts comes without its image, unless the column text_checked says yes",
        )
        new = parser.add_argument_group("a new collection")
        new.add_argument("--create", action="store_true", help="make it, not in the catalogue yet")
        for name in ("title", "origin", "summary", "description", "licence", "licence-url", "citation"):
            new.add_argument(f"--{name}", default="")
        new.add_argument("--agreement", metavar="CODE", help="the agreement to sign, its newest version")

    def handle(self, *args: Any, **options: Any) -> None:
        manager = _person(options["user"])
        if not is_data_manager(manager):
            raise CommandError("--user needs the e-mail address of a data manager.")
        if options["images"] != "none" and not (options["checked_by"] and is_curator(_person(options["checked_by"]))):
            raise CommandError("Images come in only with --checked-by and the e-mail address of a curator.")
        root = options["root"] or options["index"].parent
        reader = Reader(
            options["index"],
            _columns(options["column"]),
            source=options["source"],
            name_suffix=options["name_suffix"],
            skip_without_mask=options["skip_without_mask"],
        )
        rules = Rules(
            root=root,
            images=options["images"],
            ours=frozenset(options["ours"]),
            checked=bool(options["checked_by"]),
            resize=options["resize"],
            replace=options["replace"],
            dry_run=options["dry_run"],
            seed=options["seed"],
        )
        try:
            dataset = self._dataset(manager, options)
            importer = Importer(dataset, manager, reader, rules)
            total = importer.prepare()
            if options["sources"] and not options["dry_run"]:
                self._sources(manager, dataset, options["sources"], rules.ours)
            self._run(importer, total)
        except (BadTable, services.DatasetError) as error:
            raise CommandError(str(error)) from None

    def _dataset(self, manager: User, options: dict[str, Any]) -> Dataset:
        found = Dataset.objects.filter(slug=options["dataset"]).first()
        if found is None and options["create"]:
            agreement = Agreement.objects.filter(code=options["agreement"]).order_by("-created_at").first()
            if agreement is None:
                raise CommandError("--create needs --agreement with the code of an agreement.")
            title = options["title"] or options["dataset"]
            if options["dry_run"]:
                return Dataset(slug=options["dataset"], kind=Dataset.Kind.SEGMENTATION)
            return services.create_dataset(
                manager=manager,
                slug=options["dataset"],
                kind=Dataset.Kind.SEGMENTATION,
                groups=[],
                title=title,
                origin=options["origin"] or title[:60],
                summary=options["summary"] or title,
                description=options["description"] or options["summary"] or title,
                licence=options["licence"] or "See each source",
                licence_url=options["licence_url"],
                citation=options["citation"] or title,
                agreement=agreement,
                is_public=False,
            )
        if found is None or not found.is_segmentation:
            raise CommandError(f"There is no collection of masks '{options['dataset']}'; --create makes one.")
        return found

    def _sources(self, manager: User, dataset: Dataset, path: Path, ours: frozenset[str]) -> None:
        """What is known of the sources: a table of its own, because a row of the index is about one mask."""
        table = records(path)
        next(table)
        for line, cells in table:
            if not cells or not cells.get("source"):
                raise CommandError(f"{path.name}, row {line}: no source, or more cells than columns.")
            words = {name: cells[name] for name in SOURCE_WORDS if name in cells}
            number = cells.get("source_id", "")
            if number and not number.isdigit():
                raise CommandError(f"{path.name}, row {line}: source_id is no number.")
            set_source(
                manager=manager,
                dataset=dataset,
                name=cells["source"],
                source_id=int(number) if number else None,
                ours=cells["source"] in ours,
                **words,
            )

    def _run(self, importer: Importer, total: int) -> None:
        said = monotonic()
        for done in importer.run():
            if done == total or monotonic() - said > SAY_EVERY:
                said = monotonic()
                self.stdout.write(f"{done} of {total} rows, {len(importer.problems)} with problems")
        for line, words in importer.notes[:LISTED]:
            self.stdout.write(f"row {line}: {words}")
        for line, words in sorted(importer.problems)[:LISTED]:
            self.stderr.write(f"row {line}: {words}")
        counts = {
            **importer.counts,
            "without their image": len(importer.notes),
            "with a problem": len(importer.problems),
        }
        self.stdout.write(", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do")
        if importer.problems:
            raise CommandError("Some rows have problems: correct the table, and start again.")


def _person(email: str) -> User:
    found = User.objects.filter(email__iexact=email, is_active=True).first()
    if found is None:
        raise CommandError("There is nobody with that e-mail address.")
    return found


def _columns(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if not all(column and equals for column, equals, _heading in split):
        raise CommandError("--column is written COLUMN=HEADING, e.g. --column set=split.")
    return {column: heading for column, _equals, heading in split}
