"""What this app gives to a person's own export, and what it forgets when the account is closed."""

import json
import zipfile

from accounts import own_data
from accounts.services import close_account
from datasets.models import Cohort, ImageReport
from datasets.services.reporting import close_report, report_image
from tests.datasets.holders import grant
from tests.datasets.library import Library


def test_reports_and_cohorts_are_own_data_and_the_words_go_with_the_account(library: Library) -> None:
    name, reader = library.add(1).filename, library.people.researcher()
    release = library.publish()
    grant(reader, library.dataset)
    Cohort.objects.create(release=release, identifier="own", filters={"sex": ["F"]}, images=1, created_by=reader)
    answered, waiting = (
        report_image(user=reader, dataset=library.dataset, filename=name, category=category, text="I, Rita, say so.")
        for category in ("other", "quality")
    )
    report_image(user=library.curator, dataset=library.dataset, filename=name, category="other", text="Another's.")
    close_report(manager=library.manager, report=answered, answer="Thank you.")
    with own_data.export(reader) as file, zipfile.ZipFile(file) as archive:
        reports, (cohort,) = (json.loads(archive.read(f"{name}.json")) for name in ("reports", "cohorts"))
    assert [(row["file"], row["text"], row["answer"]) for row in reports] == [
        (name, "I, Rita, say so.", "Thank you."),
        (name, "I, Rita, say so.", ""),
    ]
    assert (cohort["identifier"], cohort["release"], cohort["filters"]) == ("own", "1.0", {"sex": ["F"]})

    def texts() -> set[tuple[str, str]]:
        return set(ImageReport.objects.values_list("category", "text").filter(reporter=reader))

    close_account(user=reader)
    assert texts() == {("other", ""), ("quality", "I, Rita, say so.")}  # a manager still has to read this one
    close_report(manager=library.manager, report=waiting, answer="Done.")
    assert texts() == {("other", ""), ("quality", "")}
    assert ImageReport.objects.get(reporter=library.curator).text == "Another's."
