import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audit.services import record
from imaging.deid import key_id
from intake.keys import pseudonym_keys
from portal.keys import rotate_pseudonym_key


class Command(BaseCommand):
    help = "Makes a new key for patients who come from now on; patients known already keep theirs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--record-only", action="store_true", help="the file was changed by hand: only tell the audit trail"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["record_only"]:
            current, *older = (key.id for key in pseudonym_keys())
            record("keys.rotated", key="pseudonym", current=current, older=older)
            self.stdout.write(f"Recorded: current key {current}, older {', '.join(older) or 'none'}.")
            return
        new, folder = secrets.token_hex(32), settings.CXR_KEYS_DIR
        old = [key.id for key in pseudonym_keys()]
        try:
            with transaction.atomic():
                record("keys.rotated", key="pseudonym", current=key_id(bytes.fromhex(new)), older=old)
                # Last, so that the trail is undone with it. A key is never without its event.
                rotate_pseudonym_key(folder, new)
        except FileExistsError as error:
            raise CommandError(
                f"Another rotation is under way. If there is none, delete .pseudonym.key.new in {folder}."
            ) from error
        except OSError as error:
            raise CommandError(
                f"pseudonym.key in {folder} can't be written ({error.strerror}). In containers it is read-only: "
                "docs/operators.md says how to rotate it there."
            ) from error
        self.stdout.write(
            f"The current key is {key_id(bytes.fromhex(new))}. Kept for known patients: {', '.join(old)}."
        )
        self.stdout.write("Copy pseudonym.key to where you keep your keys now: patients are lost without it.")
