"""Which portal, and with which token: what `cxr login` has kept, or the environment."""

import argparse
import getpass
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxr.portal import Portal


class Wrong(Exception):  # noqa: N818
    """Wrong use; the message says what to do."""


def place() -> Path:
    """As other programs keep their configuration (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "cxr" / "login.json"


def _kept() -> dict[str, str]:
    try:
        kept = json.loads(place().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: str(kept.get(name, "")) for name in ("url", "token")} if isinstance(kept, dict) else {}


def keep(url: str, token: str) -> None:
    """Keeps the token for this portal, readable by its owner alone; the one before is replaced. Raises OSError."""
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    new.write_text(json.dumps({"url": url, "token": token}), encoding="utf-8")
    new.replace(path)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="the portal's address (else CXR_URL, else the one of cxr login)")
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="a file with the token (else CXR_TOKEN, ...)")
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=600,
        help="how long to wait for a portal that does not answer (default 600)",
    )


def address(url: str | None) -> str:
    """The portal's origin. Raises Wrong."""
    from cxr.portal import checked_url

    url = url or os.environ.get("CXR_URL") or _kept().get("url", "")
    if not url:
        raise Wrong("Which portal? Run: cxr login https://PORTAL (or say --url, or set CXR_URL).")
    try:
        return checked_url(url)
    except ValueError as error:
        raise Wrong(str(error)) from None


def token(origin: str, file: Path | None) -> str:
    """From the file, the environment, or what was kept for this portal. Raises Wrong for one that is no token."""
    try:
        found = file.read_text(encoding="ascii") if file else os.environ.get("CXR_TOKEN", "")
    except (OSError, UnicodeError):
        raise Wrong("The --token-file cannot be read.") from None
    kept = _kept()
    if not found.strip() and kept.get("url") == origin:
        found = kept["token"]
    found = found.strip()
    if found and not (found.isascii() and found.isprintable()):
        raise Wrong("This is no token.")
    return found


def connect(options: argparse.Namespace, connections: int = 2) -> "Portal":
    """The portal that the options name; without a token it shows what everybody may see. Raises Wrong."""
    from cxr.portal import Portal

    origin = address(options.url)
    return Portal(origin, token(origin, options.token_file), options.patience, connections)


def login(arguments: list[str]) -> int:
    """Run ``cxr login``: 0 kept, 2 not."""
    parser = argparse.ArgumentParser(
        prog="cxr login",
        description="Keep a token for a portal, for the other commands. Make it under API tokens in the portal.",
        epilog="The token is asked for and never shown; in scripts it comes from CXR_TOKEN or --token-file.",
    )
    parser.add_argument("portal", metavar="https://PORTAL", nargs="?", help="asked for where it is left out")
    add_options(parser)
    options = parser.parse_args(arguments)
    from cxr.portal import Portal, Refused, Unreachable

    try:
        asked = options.portal or options.url or os.environ.get("CXR_URL") or input("Portal's address: ")
        origin = address(asked if "://" in asked else f"https://{asked}")
        secret = token(origin, options.token_file) if options.token_file or os.environ.get("CXR_TOKEN") else ""
        secret = secret or getpass.getpass("Token: ").strip()
        if not secret:
            raise Wrong("There is no token.")
        portal = Portal(origin, secret, min(options.patience, 20), 1)
        try:
            me = portal.get("/api/v1/me/")
        finally:
            portal.close()
        keep(origin, secret)
    except (EOFError, KeyboardInterrupt):
        print("Nothing was kept.", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The token cannot be kept in {place()} ({error.strerror}).", file=sys.stderr)
        return 2
    except (Wrong, Refused, Unreachable) as error:
        print(str(error), file=sys.stderr)
        return 2
    print(f"You are {me.get('email') or me.get('name')} at {origin}. The token lies in {place()}.")
    return 0
