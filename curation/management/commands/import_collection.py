"""Takes an existing collection through the same pipeline as everything else."""

import argparse
import csv
import time
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Hospital, User
from accounts.policies import is_curator
from curation import services as curation
from curation.quality import proposal
from datasets.models import Dataset, DiagnosisGroup
from datasets.selectors import quality_scores
from intake import quarantine
from intake import services as intake
from intake.models import WORK_STAGES, Stage, UploadBatch, UploadedFile

TITLE = "Imported collection"
REQUIRED = ("filename", "label3", "patient", "split", "sex", "age")
OLDEST = 90
POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Imports the radiographs that DIR/index.csv lists (filename, label3, patient, split, sex, age; where given, "
        "findings: codes with ; between). It can be stopped and started again: what is there already is "
        "skipped. Workers have to run for the files to move on."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--dataset", required=True, metavar="SLUG")
        parser.add_argument("--hospital", required=True, type=int, metavar="NUMBER")
        parser.add_argument("--user", metavar="EMAIL", help="who hands over; default: a member of the hospital")
        parser.add_argument("--limit", type=int, metavar="N", help="take the first N rows only")
        parser.add_argument("--wait", action="store_true", help="wait until the workers are done with all files")
        parser.add_argument(
            "--accept",
            action="store_true",
            help="then accept each in the name of --user (a curator), with the quality that the check gave; only for a "
            "collection whose every image was looked at before. Doubtful ones stay in the queue.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dataset, hospital, user = self._parties(options)
        if options["accept"] and not is_curator(user):
            raise CommandError("--accept needs --user with the e-mail address of a curator.")
        groups = {group.label.casefold(): group for group in dataset.groups.all()}
        codes = set(dataset.findings.values_list("code", flat=True))
        rows = _rows(options["directory"] / "index.csv")[: options["limit"]]
        batch = UploadBatch.objects.filter(hospital=hospital, dataset=dataset, user=user, title=TITLE).first()
        batch = batch or intake.open_batch(user=user, hospital=hospital, dataset=dataset, title=TITLE)
        counts: Counter[str] = Counter()
        for number, row in enumerate(rows, start=1):
            counts[self._take(options["directory"], row, groups, codes, batch, user, number + 1)] += 1
            if number % 50 == 0 or number == len(rows):
                self.stdout.write(f"{number} of {len(rows)} rows read, {counts['taken']} files taken")
        self.stdout.write(", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing to do")
        if options["wait"] or options["accept"]:
            self._wait(batch)
        if options["accept"]:
            self._accept(batch, user)

    def _parties(self, options: dict[str, Any]) -> tuple[Dataset, Hospital, User]:
        dataset = Dataset.objects.filter(slug=options["dataset"]).first()
        if dataset is None:
            raise CommandError(f"There is no dataset '{options['dataset']}'.")
        hospital = Hospital.objects.filter(number=options["hospital"]).first()
        if hospital is None:
            raise CommandError(f"There is no hospital {options['hospital']}.")
        if options["user"]:
            user = User.objects.filter(email__iexact=options["user"], is_active=True).first()
        else:
            user = User.objects.filter(memberships__hospital=hospital, is_active=True).order_by("pk").first()
        if user is None:
            raise CommandError("Nobody to hand over in the name of: give --user EMAIL of somebody with an account.")
        return dataset, hospital, user

    def _take(
        self,
        directory: Path,
        row: dict[str, str],
        groups: dict[str, DiagnosisGroup],
        codes: set[str],
        batch: UploadBatch,
        user: User,
        line: int,
    ) -> str:
        """What became of one row, in words that are counted."""
        group = groups.get(row["label3"].strip().casefold())
        if group is None:
            self.stderr.write(f"row {line}: the dataset has no group for its label")
            return "with an unknown label"
        findings = row.get("findings", "").replace(";", " ").split()
        if unknown := sorted(set(findings) - codes):
            self.stderr.write(f"row {line}: the dataset has no finding {unknown[0]}")
            return "with an unknown finding"
        path = _inside(directory, row["filename"])
        if path is None:
            self.stderr.write(f"row {line}: its file name leads out of the folder, or to nothing")
            return "without a file"
        with path.open("rb") as source:
            sealed = quarantine.seal(source)
        try:
            intake.receive_file(
                batch=batch,
                user=user,
                name=path.name,
                sealed=sealed,
                group=group,
                demographics={"sex": _sex(row["sex"]), "age": _age(row["age"])},
                patient_key=row["patient"],
                set=row["split"].strip()[:16],
                findings=findings,
                limited=False,  # a data manager's import is no hospital's upload
            )
        except intake.Duplicate:
            return "there already"
        return "taken"

    def _wait(self, batch: UploadBatch) -> None:
        last = -1
        while moving := batch.files.filter(stage__in=WORK_STAGES).count():
            if moving != last:
                self.stdout.write(f"{moving} files are still moving")
                last = moving
            time.sleep(POLL_SECONDS)
        self.stdout.write("the workers are done")

    def _accept(self, batch: UploadBatch, user: User) -> None:
        counts: Counter[str] = Counter()
        files = UploadedFile.objects.filter(batch=batch, stage=Stage.CURATE).order_by("received_at", "pk")
        # With those that are about to come in, so that nobody's quality depends on the order.
        scores = quality_scores(batch.dataset_id)
        for assessment in files.values_list("assessment", flat=True).iterator():
            if assessment.get("score"):
                scores.add(assessment["score"])
        scale = scores.scale()
        for file in files:
            if file.deid_report.get("needs_person"):
                counts["left for a person"] += 1
                continue
            curation.accept(file, user, proposal(file, scale).quality, no_text_seen=True, imported=True)
            counts["accepted"] += 1
        self.stdout.write(", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing to accept")


def _rows(index: Path) -> list[dict[str, str]]:
    try:
        with index.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
            if missing:
                raise CommandError(f"index.csv lacks the columns {', '.join(missing)}.")
            return list(reader)
    except FileNotFoundError:
        raise CommandError("The folder has no index.csv.") from None


def _inside(directory: Path, name: str) -> Path | None:
    """The file that a row names, if it really lies in the folder: no '..', no absolute path, no link that leads out."""
    root = directory.resolve()
    path = (root / name).resolve()
    return path if name and path.is_relative_to(root) and path.is_file() else None


def _sex(text: str) -> str:
    sex = text.strip().upper()
    return sex if sex in ("F", "M") else ""


def _age(text: str) -> int | None:
    try:
        age = int(float(text))
    except (ValueError, OverflowError):
        return None
    return min(age, OLDEST) if 0 <= age <= 130 else None
