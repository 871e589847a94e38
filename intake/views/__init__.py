"""The hospital user's pages."""

from intake.views.batches import batch, batch_files, batch_new, batches, template
from intake.views.files import file, file_withdraw

__all__ = [
    "batch",
    "batch_files",
    "batch_new",
    "batches",
    "file",
    "file_withdraw",
    "template",
]
