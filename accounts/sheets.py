"""Lines of CSV that spreadsheet programs read as text, never as a formula."""

import csv
import io
from collections.abc import Sequence


def csv_line(cells: Sequence[object]) -> str:
    """One line, every cell quoted; what would begin a formula begins with an apostrophe (OWASP, CSV injection)."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([_harmless(str(cell)) for cell in cells])
    return buffer.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
