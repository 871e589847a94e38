"""Packages that a command needs and that the client alone does not bring."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec


def complain_of_missing(command: str, extra: str, modules: Mapping[str, str]) -> bool:
    """Whether one of ``modules`` (distribution: module that only it has) is missing; tells then what to install."""
    missing = [name for name, module in modules.items() if find_spec(module) is None]
    if missing:
        print(f"cxr {command} needs more packages ({', '.join(missing)}). Install them with:", file=sys.stderr)
        print(f"    pip install 'cxr-commons-client{f'[{extra}]' if extra else ''}'", file=sys.stderr)
    return bool(missing)
