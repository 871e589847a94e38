"""The hospital user's pages."""

from intake.views.batches import batch, batch_files, batch_new, batches, template
from intake.views.bulk import fate_table, files_describe, files_withdraw
from intake.views.files import file, file_withdraw
from intake.views.tables import table, table_template

__all__ = [
    "batch",
    "batch_files",
    "batch_new",
    "batches",
    "fate_table",
    "file",
    "file_withdraw",
    "files_describe",
    "files_withdraw",
    "table",
    "table_template",
    "template",
]
