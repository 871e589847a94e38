"""The table (CSV, XLSX) by which a hospital describes many files at once. Every problem is told by row and column."""

from intake.tables.columns import COLUMNS
from intake.tables.reading import Described, Problem, Table, read
from intake.tables.sheets import MAX_ROWS
from intake.tables.template import as_csv, as_xlsx
from intake.tables.values import OLDEST

__all__ = ["COLUMNS", "MAX_ROWS", "OLDEST", "Described", "Problem", "Table", "as_csv", "as_xlsx", "read"]
