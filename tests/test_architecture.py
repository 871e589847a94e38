"""The rules of the whole tree that no other test would notice."""

import subprocess
import sys
from pathlib import Path

from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]


def test_imports_go_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_text_is_translated_into_polish() -> None:
    with (ROOT / "locale/pl/LC_MESSAGES/django.po").open("rb") as file:
        catalogue = read_po(file, locale="pl")
    missing = [message.id for message in catalogue if message.id and (not message.string or message.fuzzy)]
    plural = [message.id for message in catalogue if message.pluralizable and not all(message.string)]
    assert missing + plural == []
    assert len(catalogue) > 300
