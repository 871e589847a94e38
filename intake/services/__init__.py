"""Every write of intake. One function per thing that a person, a worker or the clock does."""

from intake.services.changes import repaint, retry, update_file, withdraw
from intake.services.errors import Duplicate, IntakeError
from intake.services.pipeline import run_stage
from intake.services.receiving import open_batch, receive_file
from intake.services.taking import Taken, take_files
from intake.services.upkeep import clean_up, clean_up_on_commit, purge, sweep

__all__ = [
    "Duplicate",
    "IntakeError",
    "Taken",
    "clean_up",
    "clean_up_on_commit",
    "open_batch",
    "purge",
    "receive_file",
    "repaint",
    "retry",
    "run_stage",
    "sweep",
    "take_files",
    "update_file",
    "withdraw",
]
