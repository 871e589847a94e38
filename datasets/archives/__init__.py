"""Building the bytes of an archive from a frozen release. The same release gives the same bytes.

Everything in a ZIP is stored, nothing deflated: images are compressed already, and zlib's output differs between
versions. What stands in a ZIP of images names no version, so that the next release can hand out the same file.
"""

from collections.abc import Callable
from typing import IO

from datasets.archives import names, tables, texts, zips
from datasets.archives.zips import recipe
from datasets.models import Archive

__all__ = ["names", "recipe", "write_archive"]


def write_archive(archive: Archive, file: IO[bytes], *, alive: Callable[[], None], tmpdir: str) -> None:
    """Writes the archive into `file`, which can seek, in bounded memory.

    `alive` is called after every piece of work, some hundred kilobytes or a row; it may raise to stop the work. Raises
    LibraryFault if a file of the library is missing or does not hash to what the release froze.
    """
    if archive.content in (Archive.Content.ABOUT, Archive.Content.SUMS):
        for piece in texts.text(archive):
            file.write(piece)
    elif archive.content in tables.CONTENTS:
        tables.write_table(archive, file, alive, tmpdir=tmpdir)
    else:
        zips.write_zip(archive, file, alive)
