"""``cxr``: one command per thing that a person wants done."""

import argparse
import sys

from cxr import __version__
from cxr.account import login
from cxr.catalogue import datasets, files
from cxr.download import download, verify
from cxr.engine import deidentify
from cxr.upload import upload

COMMANDS = {
    "login": (login, "keep a token for a portal"),
    "datasets": (datasets, "list what a portal has"),
    "files": (files, "list the files of a release"),
    "download": (download, "fetch a release or a part of it; run again, it goes on where it was"),
    "verify": (verify, "compare a folder of downloaded files with their checksums"),
    "deidentify": (deidentify, "take what identifies patients out of radiographs, on this machine"),
    "upload": (upload, "hand over a folder of radiographs; run again, it goes on where it was"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns the exit status; 2 means wrong use."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        command, _ = COMMANDS[arguments[0]]
        return command(arguments[1:])  # each command reads its own options
    parser = argparse.ArgumentParser(
        prog="cxr",
        description="The command line of CXR Commons.",
        epilog="\n".join(["commands:", *(f"  {name:12} {words}" for name, (_, words) in COMMANDS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cxr {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="cxr COMMAND --help tells its options")
    parser.parse_args(arguments)  # ends here: help, version, or what is wrong
    return 2


if __name__ == "__main__":
    sys.exit(main())
