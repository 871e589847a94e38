"""Names that a portal or a ZIP gives, as names that every file system takes and that lead nowhere else."""

import re

_NOT_TAKEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows


def safe_name(name: str) -> str:
    """One path component: never empty, hidden, a device of Windows, or a way up."""
    name = _NOT_TAKEN.sub("_", name).rstrip(". ")
    if not name or name.startswith(".") or _RESERVED.fullmatch(name):
        name = f"_{name}"
    return name[:200]


def safe_path(path: str) -> str:
    """A relative path with "/" out of a ZIP. Raises ValueError for one that leads out or is none."""
    parts = path.replace("\\", "/").split("/")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ValueError("this name leads out of the folder")
    return "/".join(safe_name(part) for part in parts)
