"""Every write of intake. One function per thing that a person, a worker or the clock does."""

from intake.services.bulk import Done, describe_files, withdraw_files
from intake.services.changes import repaint, retry, update_file
from intake.services.describing import publish_lost_ages, purge_rows, work_out_age
from intake.services.errors import Duplicate, IntakeError
from intake.services.machines import batch_of_the_day
from intake.services.pipeline import run_stage
from intake.services.radiographs import describe_accepted
from intake.services.receiving import open_batch, receive_file
from intake.services.summaries import send_summaries
from intake.services.tabling import Plan, apply_table, plan_table
from intake.services.taking import Taken, take_files
from intake.services.upkeep import clean_up, clean_up_on_commit, purge, sweep
from intake.services.withdrawing import withdraw

__all__ = [
    "Done",
    "Duplicate",
    "IntakeError",
    "Plan",
    "Taken",
    "apply_table",
    "batch_of_the_day",
    "clean_up",
    "clean_up_on_commit",
    "describe_accepted",
    "describe_files",
    "open_batch",
    "plan_table",
    "publish_lost_ages",
    "purge",
    "purge_rows",
    "receive_file",
    "repaint",
    "retry",
    "run_stage",
    "send_summaries",
    "sweep",
    "take_files",
    "update_file",
    "withdraw",
    "withdraw_files",
    "work_out_age",
]
