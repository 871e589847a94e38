"""Files to the portal, several at once: what is there already, what has to be sent, what is refused."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cxr.folder import Source
from cxr.memory import Known, Memory
from cxr.portal import Denied, Gone, Portal, Refused, Unreachable

_T = TypeVar("_T")
# Of these one file is no more to blame than the next: the run ends.
_FULL = {"quota_reached", "batch_full"}
_TURNED_AWAY = {"rejected": "It was rejected in the portal.", "withdrawn": "Your hospital took it back in the portal."}
_UNREADABLE = "The file cannot be read, or changed while it was sent."


class Became(Enum):
    SENT = "sent"
    THERE = "there already"
    SAME = "the same as another file of this folder"
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    name: str = field(repr=False)
    became: Became
    reason: str = ""


class Ended(Exception):  # noqa: N818
    """The run cannot go on. ``again``: whether the same command may get further later."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


@dataclass(frozen=True)
class Prepared:
    """What is sent for a source: its own bytes under its own name, or a copy that is removed afterwards."""

    content: Path
    name: str = field(repr=False)


class Preparation(Protocol):
    """How files are changed before they are sent, ``at_once`` of them. The same ``way`` makes the same bytes."""

    way: str
    at_once: int

    def prepare(self, sources: list[Source]) -> Iterator[tuple[Source, Prepared | str]]:
        """Each with what to send, or with the reason why it must not be sent."""


@dataclass
class Sender:
    """``metadata`` goes with every file. ``progress`` is told how many bytes of the sources more are settled."""

    portal: Portal
    memory: Memory
    batch: int
    metadata: Mapping[str, str]
    jobs: int
    progress: Callable[[int], object]
    preparation: Preparation | None = None
    _met: dict[str, str] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(self, sources: list[Source]) -> Iterator[Outcome]:
        """The outcome of each, as it comes. Raises Ended; what was not told of until then is not wholly there."""
        pool = ThreadPoolExecutor(self.jobs)
        try:
            if self.preparation is None:
                yield from _each(pool, self._straight, sources)
            else:
                for start in range(0, len(sources), self.preparation.at_once):
                    yield from self._prepared(pool, self.preparation, sources[start:][: self.preparation.at_once])
        finally:
            self.portal.stop()
            pool.shutdown(cancel_futures=True)

    def _straight(self, source: Source) -> Outcome:
        found = self._look(source)
        if isinstance(found, Outcome):
            return found
        return self._hand_over(source, found, Prepared(source.path, source.name))

    def _prepared(self, pool: ThreadPoolExecutor, preparation: Preparation, sources: list[Source]) -> Iterator[Outcome]:
        missing: dict[Source, str] = {}
        for source, found in _each(pool, lambda source: (source, self._look(source)), sources):
            if isinstance(found, Outcome):
                yield found
            else:
                missing[source] = found
        # All of them before the first is sent: processes are not forked while threads of this one are at work.
        ready = []
        for source, prepared in list(preparation.prepare(list(missing))):
            if isinstance(prepared, Prepared):
                ready.append((source, missing[source], prepared))
            else:
                yield self._told(source, Became.REFUSED, prepared)
        yield from _each(pool, lambda task: self._hand_over(*task), ready)

    def _told(self, source: Source, became: Became, reason: str = "", counted: int = 0) -> Outcome:
        self.progress(source.size - counted)
        return Outcome(source.name, became, reason)

    def _look(self, source: Source) -> str | Outcome:
        """The file's fingerprint where it has to be sent, otherwise what became of it."""
        try:
            fingerprint = self.memory.fingerprint(source.path, self.preparation.way if self.preparation else "")
        except OSError:
            return self._told(source, Became.REFUSED, _UNREADABLE)
        with self._lock:
            first = self._met.setdefault(fingerprint, source.name)
        if first != source.name:
            return self._told(source, Became.SAME, first)
        known = self.memory.upload(fingerprint)
        if known is None or not known.done:
            return fingerprint
        try:
            file = self.portal.get(f"/api/v1/files/{known.upload}/")
        except Gone:
            self.memory.forget(fingerprint)
            return fingerprint
        words = _TURNED_AWAY.get(file["stage"])
        if words is None:
            return self._told(source, Became.THERE)
        became = Became.THERE if str(file["reason_code"]).startswith("duplicate") else Became.REFUSED
        return self._told(source, became, f"{words} {file['reason']}".strip())

    def _hand_over(self, source: Source, fingerprint: str, prepared: Prepared) -> Outcome:
        counted = 0

        def progress(done: int) -> None:
            nonlocal counted
            done = min(done, source.size)
            self.progress(done - counted)
            counted = done

        try:
            self._send(fingerprint, prepared, prepared.content == source.path, progress)
        except OSError:
            return self._told(source, Became.REFUSED, _UNREADABLE, counted)
        except (Denied, Gone):
            raise
        except Refused as refused:
            if refused.code in _FULL:
                raise
            became = Became.THERE if refused.code == "duplicate" else Became.REFUSED
            return self._told(source, became, str(refused), counted)
        finally:
            if prepared.content != source.path:
                prepared.content.unlink(missing_ok=True)
        return self._told(source, Became.SENT, counted=counted)

    def _send(self, fingerprint: str, prepared: Prepared, original: bool, progress: Callable[[int], None]) -> None:
        """Goes on with what was begun before, or begins."""
        size = prepared.content.stat().st_size
        content = fingerprint if original else self.memory.fingerprint(prepared.content)
        known = self.memory.upload(fingerprint)
        if known is not None and (known.content, known.batch) != (content, self.batch):
            self.portal.remove(known.upload)
            known = None
        if known is not None:
            try:
                self._finish(fingerprint, known, prepared.content, size, progress, new=False)
                return
            except Gone:  # nobody went on with it in time
                progress(0)
        metadata = {
            "batch": str(self.batch),
            "filename": prepared.name.rsplit("/", 1)[-1],
            "relativePath": prepared.name,
            **self.metadata,
        }
        known = Known(content, self.portal.begin(size, metadata), self.batch, done=False)
        self.memory.keep(fingerprint, known)
        self._finish(fingerprint, known, prepared.content, size, progress, new=True)

    def _finish(
        self,
        fingerprint: str,
        known: Known,
        content: Path,
        size: int,
        progress: Callable[[int], None],
        *,
        new: bool,
    ) -> None:
        try:
            self.portal.send(known.upload, content, size, progress, new=new)
        except Denied:
            raise
        except Refused:
            self.memory.forget(fingerprint)
            raise
        self.memory.keep(fingerprint, Known(known.content, known.upload, known.batch, done=True))


def _each(pool: ThreadPoolExecutor, do: Callable[[Any], _T], items: Iterable[Any]) -> Iterator[_T]:
    """What ``do`` makes of the items, as it comes. Raises Ended at the first that ends the run."""
    for future in as_completed([pool.submit(do, item) for item in items]):
        try:
            yield future.result()
        except Denied as error:
            raise Ended(str(error), again=False) from None
        except Refused as error:  # full, or the batch is gone
            raise Ended(str(error), again=error.code in _FULL) from None
        except Unreachable as error:
            raise Ended(f"The portal cannot be reached ({error}).", again=True) from None
