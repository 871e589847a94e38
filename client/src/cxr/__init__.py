"""The command-line client of CXR Commons, and `load` for programs."""

from typing import Any

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    if name == "load":  # only then are its modules loaded
        from cxr.data import load

        return load
    raise AttributeError(name)
