"""Files of a release into a folder, several at once: what is there already, what goes on, what begins."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import httpx

from cxr.catalogue import RemoteFile
from cxr.holding import Holding
from cxr.names import safe_name
from cxr.portal import Denied, Gone, Later, Portal, Refused, Stopped, Unreachable

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_TRIES = 2  # of a file whose bytes turn out to be others


class Became(Enum):
    FETCHED = "fetched"
    THERE = "there already"
    SAME = "the same as in another version"
    REFUSED = "refused"
    LATER = "not finished"


@dataclass(frozen=True)
class Outcome:
    file: RemoteFile
    became: Became
    reason: str = ""


@dataclass
class Fetcher:
    """``progress`` is told how many bytes more are there (fewer, where a download has to begin anew)."""

    portal: Portal
    holding: Holding
    jobs: int
    progress: Callable[[int], object]

    def missing(self, files: Sequence[RemoteFile]) -> int:
        """Bytes that have to be fetched for these files."""
        total = 0
        for file in files:
            name = safe_name(file.name)
            if not self.holding.has(name, file.sha256) and self.holding.same(file.sha256) is None:
                part = self.holding.part(name, file.sha256)
                total += file.size - (min(part.stat().st_size, file.size) if part.exists() else 0)
        return total

    def fetch(self, files: Sequence[RemoteFile]) -> Iterator[Outcome]:
        """The outcome of each, as it comes; what is not told of when the caller stops is kept as far as it came."""
        pool = ThreadPoolExecutor(self.jobs)
        try:
            for future in as_completed([pool.submit(self._one, file) for file in files]):
                yield future.result()
        finally:
            self.portal.stop()
            pool.shutdown(cancel_futures=True)

    def _one(self, file: RemoteFile) -> Outcome:
        name = safe_name(file.name)
        try:
            if self.holding.has(name, file.sha256):
                self.progress(file.size)
                return Outcome(file, Became.THERE)
            part = self.holding.part(name, file.sha256)
            if (same := self.holding.same(file.sha256)) is not None:
                _share(same, part)
                self.holding.take(part, name, file.sha256)
                self.progress(file.size)
                return Outcome(file, Became.SAME, same.name)
            for _ in range(_TRIES):
                if self._download(file, part) == file.sha256:
                    self.holding.take(part, name, file.sha256)
                    return Outcome(file, Became.FETCHED)
                self.progress(-part.stat().st_size)
                part.unlink()
            return Outcome(file, Became.REFUSED, "The portal sent other bytes than it promised: the SHA-256 differs.")
        except (Denied, Gone, Refused) as refused:
            return Outcome(file, Became.REFUSED, str(refused))
        except Unreachable as error:
            return Outcome(file, Became.LATER, f"The portal cannot be reached ({error}).")
        except Stopped:
            return Outcome(file, Became.LATER)
        except OSError as error:
            return Outcome(file, Became.LATER, f"It cannot be written ({error.strerror}).")

    def _download(self, file: RemoteFile, part: Path) -> str:
        """Goes on with `part` until all of it is there; returns its SHA-256."""
        digest, there = hashlib.sha256(), 0
        if part.exists():
            with part.open("rb") as old:
                while piece := old.read(_PIECE):
                    digest.update(piece)
                    there += len(piece)
            self.progress(there)
        patience, far = self.portal.patience(), there
        while there != file.size:
            if there > file.size:
                there, digest = self._begin_anew(part, there)
            headers = {"Range": f"bytes={there}-", "If-Range": f'"{file.sha256}"'} if there else {}
            try:
                with self.portal.open(file.path, headers) as answer:
                    span = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
                    goes_on = answer.status_code == 206 and span is not None and int(span[1]) == there
                    if there and not goes_on:
                        there, digest = self._begin_anew(part, there)
                    if answer.status_code == 416 or (answer.status_code == 206 and not goes_on):
                        continue
                    with part.open("ab") as new:
                        for piece in answer.iter_bytes(_PIECE):
                            new.write(piece)
                            digest.update(piece)
                            there += len(piece)
                            self.progress(len(piece))
                            if self.portal.stopped:
                                raise Stopped
                        new.flush()
                        os.fsync(new.fileno())
                    if there < file.size:  # an end that looks like one, too early
                        raise httpx.ReadError("the answer was too short")
            except (httpx.TransportError, Later) as error:
                if there > far:
                    far = there
                    patience.renew()
                patience.wait(error)
        return digest.hexdigest()

    def _begin_anew(self, part: Path, there: int) -> tuple[int, "hashlib._Hash"]:
        part.unlink(missing_ok=True)
        self.progress(-there)
        return 0, hashlib.sha256()


def _share(same: Path, part: Path) -> None:
    """The same bytes under a second name: without a second copy where the file system can."""
    part.unlink(missing_ok=True)
    try:
        os.link(same, part)
    except OSError:
        shutil.copyfile(same, part)
