"""Puts the portal's de-identification engine into the distributions: the files themselves, so that no copy can age."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("__init__.py", "inference.py", "deid/**/*", "formats/**/*")
LEFT_OUT = {"training", "__pycache__"}


class EngineHook(BuildHookInterface):  # type: ignore[type-arg, misc]
    """Adds imaging/{deid,formats} and what they need: from the repository, or from the source distribution it is in."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        home = next((home for home in (root.parent, root) if (home / "imaging" / "deid").is_dir()), None)
        if home is None:
            raise FileNotFoundError("imaging/ is missing: install from a checkout of the whole repository")
        for part in PARTS:
            for path in sorted((home / "imaging").glob(part)):
                place = path.relative_to(home)
                if path.is_file() and LEFT_OUT.isdisjoint(place.parts):
                    build_data["force_include"][str(path)] = place.as_posix()
        licence = "cxr/LICENSE" if self.target_name == "wheel" else "LICENSE"
        build_data["force_include"][str(home / "LICENSE")] = licence
