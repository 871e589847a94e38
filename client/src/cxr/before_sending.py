"""De-identification before sending: copies in a private temporary folder, by the portal's own engine."""

from collections.abc import Iterator
from pathlib import Path

from cxr.folder import Source
from cxr.sending import Prepared
from imaging.deid.batch import Settings, Task, outcomes
from imaging.deid.keys import key_id, read_keys

_UNSURE = "Held back: there may be text in the picture that was not found. Look at it (cxr deidentify), then send it."


class Deidentification:
    """``folder`` takes copies of some files at a time. Raises OSError and ValueError for a key file that is none."""

    def __init__(
        self, key_file: Path, hospital: int, jobs: int, folder: Path, *, keep_names: bool, send_unsure: bool
    ) -> None:
        keys = read_keys(key_file.read_bytes())
        self.way = f"deidentified {key_id(keys[0])} {hospital}"
        self.at_once = 8 * jobs
        self._settings = Settings(keys, hospital, header_only=False, reports=False)
        self._jobs, self._folder = jobs, folder
        self._keep_names, self._send_unsure = keep_names, send_unsure

    def prepare(self, sources: list[Source]) -> Iterator[tuple[Source, Prepared | str]]:
        """Copies with their new UIDs as names. Raises ImportError when what searches for text is not installed."""
        tasks = [Task(source.path, self._folder / str(number)) for number, source in enumerate(sources)]
        made = outcomes(self._settings, tasks, self._jobs) if tasks else ()
        for source, task, outcome in zip(sources, tasks, made, strict=True):
            if outcome.code:
                yield source, outcome.message
            elif outcome.doubtful and not self._send_unsure:
                task.part.unlink()
                yield source, _UNSURE
            else:
                name = source.name if self._keep_names else f"{outcome.uid}.{outcome.extension}"
                yield source, Prepared(task.part, name)
