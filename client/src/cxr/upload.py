"""``cxr upload``: hand over a folder of radiographs. Run again, it goes on where it was."""

import argparse
import getpass
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr import account, engine
from cxr.account import Wrong as _Wrong
from cxr.download import MODULES
from cxr.extras import complain_of_missing
from cxr.folder import Found, look, shown
from cxr.memory import Memory, default_place

if TYPE_CHECKING:
    from cxr.portal import Portal
    from cxr.sending import Preparation

_EPILOG = """\
The token comes from the environment variable CXR_TOKEN, from --token-file or from cxr login, never from the command
line, which every program of this machine can read. Make it under "API tokens" in the portal, with the permission
"upload".

exit status: 0 every file is in the portal; 1 some were refused (each is named with its reason); 2 wrong use, token,
batch or table: nothing was sent; 3 not finished (no connection, no room, interrupted): run the same command again.
"""
_ALL, _SOME_REFUSED, _WRONG, _AGAIN = 0, 1, 2, 3


def upload(arguments: list[str]) -> int:
    """Run ``cxr upload``. Returns the exit status (`_EPILOG`)."""
    options = _parser().parse_args(arguments)
    if complain_of_missing("upload", "", MODULES):
        return _WRONG
    if options.deidentify and complain_of_missing("upload --deidentify", "deidentify", engine.MODULES):
        return _WRONG
    from cxr.portal import Refused, Unreachable

    try:
        return _upload(options)
    except KeyboardInterrupt:
        return _say("Interrupted. Run the same command again to go on.", _AGAIN)
    except Unreachable as error:
        return _say(f"The portal cannot be reached ({error}). Run the same command again later.", _AGAIN)
    except (_Wrong, Refused) as error:
        return _say(str(error), _WRONG)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cxr upload",
        description="Hand over radiographs to a portal. Run again, it sends only what is missing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="DIR", type=Path, help="a folder with everything below it, or a file")
    add("--url", help="the portal's address (else CXR_URL in the environment, else the one of cxr login)")
    add("--token-file", metavar="FILE", type=Path, help="a file with the token (instead of CXR_TOKEN)")
    batch = parser.add_mutually_exclusive_group(required=True)
    batch.add_argument("--batch", metavar="N", type=int, help="the number of a batch that is there")
    batch.add_argument("--new-batch", metavar="TITLE", help="open a batch; do not name patients")
    add("--dataset", metavar="SLUG", help="the new batch's dataset")
    add("--hospital", metavar="N", type=int, help="your hospital's number: for a new batch and for --deidentify")
    add("--class-id", metavar="N", type=int, help="the diagnosis of all files; else a table or the page says it")
    add("--table", metavar="FILE", type=Path, help="a CSV or XLSX that describes the files; it is sent first")
    add("--deidentify", action="store_true", help="take what identifies patients out before anything is sent")
    add("--key-file", metavar="FILE", type=Path, help="with --deidentify: the secret, as for cxr deidentify")
    add("--keep-names", action="store_true", help="with --deidentify: send your file names too (they can identify)")
    add("--send-unsure", action="store_true", help="with --deidentify: send pictures that may still show text, too")
    add("--jobs", metavar="N", type=int, default=4, help="files at once (default 4)")
    add(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=600,
        help="how long to wait for a portal that does not answer",
    )
    add("--state", metavar="FILE", type=Path, default=default_place(), help="what was sent (default %(default)s)")
    return parser


def _upload(options: argparse.Namespace) -> int:
    from cxr.portal import Portal

    _check(options)
    url = account.address(options.url)
    token = _token(url, options.token_file)
    found = look(options.source)
    with ExitStack() as stack:
        preparation = _preparation(options, stack)
        try:
            memory = stack.enter_context(closing(Memory(options.state, url)))
        except (OSError, sqlite3.Error):
            raise _Wrong("The --state file cannot be written. Name another place.") from None
        portal = stack.enter_context(closing(Portal(url, token, options.patience, options.jobs)))
        batch = _batch(options, portal, memory)
        if options.table:
            _table(portal, batch, options.table)
        return _send(options, portal, memory, batch, preparation, found)


def _check(options: argparse.Namespace) -> None:
    if not options.source.exists():
        raise _Wrong("DIR does not exist.")
    if options.new_batch is not None and not (options.dataset and options.hospital and options.new_batch.strip()):
        raise _Wrong("A new batch needs a title, --dataset and --hospital.")
    if options.deidentify and not (options.key_file and options.hospital):
        raise _Wrong("--deidentify needs --key-file and --hospital: only so a second run gives the same patients.")
    if not options.deidentify and (options.key_file or options.keep_names or options.send_unsure):
        raise _Wrong("--key-file, --keep-names and --send-unsure belong to --deidentify: nothing was sent.")
    if options.jobs < 1 or options.patience < 0:
        raise _Wrong("--jobs is 1 or more, --patience 0 or more.")


def _token(origin: str, file: Path | None) -> str:
    token = account.token(origin, file)
    if not token and not file and sys.stdin.isatty():
        token = getpass.getpass("Token: ").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise _Wrong("There is no token. Put it into the environment as CXR_TOKEN, or into a --token-file.")
    return token


def _preparation(options: argparse.Namespace, stack: ExitStack) -> "Preparation | None":
    if not options.deidentify:
        return None
    from cxr.before_sending import Deidentification

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cxr-")))  # mode 0700
    try:
        return Deidentification(
            options.key_file,
            options.hospital,
            options.jobs,
            folder,
            keep_names=options.keep_names,
            send_unsure=options.send_unsure,
        )
    except OSError:
        raise _Wrong("The key file cannot be read.") from None
    except ValueError:
        raise _Wrong("The key has fewer than 16 bytes. Make one with: openssl rand -hex 32 > FILE") from None


def _batch(options: argparse.Namespace, portal: "Portal", memory: Memory) -> int:
    """The batch's number. One that an earlier run opened with the same words is gone on with."""
    from cxr.portal import Gone

    said = f"{options.hospital} {options.dataset} {options.new_batch}"
    number = options.batch if options.new_batch is None else memory.batch(said)
    if number is not None:
        try:
            portal.get(f"/api/v1/batches/{number}/")
        except Gone:
            if options.new_batch is None:
                raise _Wrong(f"There is no batch {number} of your hospital.") from None
        else:
            return int(number)
    fields = {"title": options.new_batch, "dataset": options.dataset, "hospital": options.hospital}
    answer = portal.post("/api/v1/batches/", json=fields)
    if "id" not in answer:
        raise _Wrong("The batch was not opened. " + _problems_of(answer))
    memory.keep_batch(said, answer["id"])
    print(f"Batch {answer['id']} was opened.")
    return int(answer["id"])


def _problems_of(answer: Any) -> str:
    return " ".join(
        f"{field}: {' '.join(map(str, words)) if isinstance(words, list) else words}" for field, words in answer.items()
    )


def _table(portal: "Portal", batch: int, table: Path) -> None:
    """Sends the table twice: to see what is wrong with it, and, if nothing is, to apply it."""
    try:
        content = table.read_bytes()
    except OSError:
        raise _Wrong("The --table cannot be read.") from None
    address = f"/api/v1/batches/{batch}/table/"
    for dry_run in ("1", "0"):
        # Its own name stays here: it may identify.
        plan = portal.post(address, params={"dry_run": dry_run}, files={"table": (f"table{table.suffix}", content)})
        if "problems" not in plan:
            raise _Wrong("The table was not taken. " + _problems_of(plan))
        if dry_run == "1":
            for kind in ("problems", "notes"):
                for entry in plan[kind]:
                    place = ", ".join(
                        str(part) for part in (entry["row"] and f"row {entry['row']}", entry["column"]) if part
                    )
                    print(f"table: {place}: {shown(entry['message'])}", file=sys.stderr)
            print(
                f"Table: {plan['rows']} rows; {plan['files']} for files that are there, {plan['waiting']} for files to "
                f"come; {len(plan['problems'])} problems."
            )
        if plan["problems"]:
            raise _Wrong("Mend the table and run the command again: nothing was sent.")


def _send(
    options: argparse.Namespace,
    portal: "Portal",
    memory: Memory,
    batch: int,
    preparation: "Preparation | None",
    found: Found,
) -> int:
    from tqdm import tqdm

    from cxr.sending import Became, Ended, Sender

    metadata = {} if options.class_id is None else {"class_id": str(options.class_id)}
    counts: Counter[Became] = Counter({Became.REFUSED: len(found.refused)})
    total = sum(source.size for source in found.files)
    end = ""
    with tqdm(total=total, unit="B", unit_scale=True, disable=None, dynamic_ncols=True) as bar:

        def say(line: str) -> None:
            bar.write(line, file=sys.stderr)

        for name, reason in found.refused:
            say(f"refused: {shown(name)}: {reason}")
        sender = Sender(portal, memory, batch, metadata, options.jobs, bar.update, preparation)
        try:
            for outcome in sender.send(found.files):
                counts[outcome.became] += 1
                if outcome.became is Became.SAME:
                    say(f"not sent twice: {shown(outcome.name)} is the same as {shown(outcome.reason)}")
                elif outcome.reason:
                    say(f"{outcome.became.value}: {shown(outcome.name)}: {outcome.reason}")
        except Ended as error:
            end, again = str(error), error.again
    unsent = len(found.files) + len(found.refused) - counts.total()
    words = [f"{counts[became]} {became.value}" for became in Became if counts[became]]
    words += [f"{unsent} not sent"] * bool(unsent)
    words += [f"{found.passed_over} passed over (system files)"] * bool(found.passed_over)
    print(f"Batch {batch}: {', '.join(words) or 'nothing to send'}.")
    if end:
        return _say(f"{end} Run the same command again later." if again else end, _AGAIN if again else _WRONG)
    return _SOME_REFUSED if counts[Became.REFUSED] else _ALL


def _say(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status
