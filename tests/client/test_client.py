"""The client as a hospital installs it: a wheel, in a place of its own, with the portal's engine inside."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imaging import phantoms

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "client"
ENGINE = ("imaging/deid/", "imaging/formats/")


@dataclass(frozen=True)
class Installed:
    wheel: Path
    site: Path

    def run(self, *arguments: str, where: Path, python: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        """Runs `cxr` as installed. `python`: another way to start it."""
        return subprocess.run(
            [*(python or (sys.executable, str(self.site / "bin/cxr"))), *arguments],
            cwd=where,
            env={**os.environ, "PYTHONPATH": str(self.site), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built and installed by pip without a network."""
    folder = tmp_path_factory.mktemp("client")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index", "--no-cache-dir"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", str(folder), str(CLIENT)], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(folder / "site"), str(wheel)], check=True)
    return Installed(wheel, folder / "site")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hospital's folder: four formats of one patient, a second patient, and a letter."""
    folder = tmp_path_factory.mktemp("desk")
    person, pixels = phantoms.FakePerson.invent(7, "F"), phantoms.draw(7, disease="normal", sex="F", size=(400, 380))
    (folder / "in/ward").mkdir(parents=True)
    phantoms.write_dicom(folder / "in/ward/one.dcm", pixels, person)
    phantoms.write_dicom(folder / "in/two.dcm", pixels, phantoms.FakePerson.invent(8, "M"))
    grey = (pixels / max(pixels.max(), 1) * 255).astype("uint8")
    phantoms.write_jpeg(folder / "in/one.jpg", grey, person)
    phantoms.write_png(folder / "in/one.png", grey, person)
    phantoms.write_tiff(folder / "in/one.tif", pixels, person)
    (folder / "in/letter.txt").write_text("Dear colleague")
    (folder / "key").write_text("0123456789abcdef" * 4 + "\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_carries_the_engine_and_nothing_else_of_the_portal(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        carried = {name for name in names if name.startswith("imaging/")}
        for name in carried:
            assert wheel.read(name) == (ROOT / name).read_bytes(), name
    assert {name.split("/")[0] for name in names} == {"cxr", "imaging"}
    assert {name for name in carried if not name.startswith(ENGINE)} == {"imaging/__init__.py", "imaging/inference.py"}
    assert not [name for name in names if "training" in name or "__pycache__" in name]
    modules = {
        path.relative_to(ROOT).as_posix() for part in ENGINE for path in (ROOT / part).rglob("*.py") if path.is_file()
    }
    assert {name for name in modules if "/training/" not in name} <= carried
    assert not list(CLIENT.rglob("imaging")), "the repository holds the engine once"


def test_the_result_is_that_of_the_module_byte_for_byte(installed: Installed, desk: Path) -> None:
    options = ("--key-file", str(desk / "key"), "--hospital", "7")
    module = (sys.executable, "-m", "imaging.deid")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ours = subprocess.run(
        [*module, str(desk / "in"), str(desk / "module"), *options, "--report", str(desk / "module.json")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    theirs = installed.run(
        *("deidentify", str(desk / "in"), str(desk / "client"), *options, "--report", str(desk / "client.json")),
        where=desk,
    )
    assert (theirs.returncode, theirs.stdout) == (ours.returncode, ours.stdout) == (1, "5 written, 1 refused\n")
    assert theirs.stderr == ours.stderr.replace(str(desk / "module"), str(desk / "client"))
    assert contents(desk / "client") == contents(desk / "module")
    assert len(contents(desk / "client")) == 5
    assert (desk / "client.json").read_text() == (desk / "module.json").read_text()
    (refused,) = [entry for entry in json.loads((desk / "client.json").read_text()) if "refused" in entry]
    assert refused["refused"] == "not_an_image"


def test_the_engine_that_runs_is_the_installed_one(installed: Installed, desk: Path) -> None:
    where = (sys.executable, "-c", "import imaging.deid; print(imaging.deid.__file__)")
    assert installed.run(where=desk, python=where).stdout.startswith(str(installed.site))


def test_version_help_and_wrong_use(installed: Installed, desk: Path) -> None:
    version = re.search(r'__version__ = "(.+)"', (CLIENT / "src/cxr/__init__.py").read_text())
    assert version is not None
    assert installed.run("--version", where=desk).stdout == f"cxr {version[1]}\n"
    assert "deidentify" in installed.run("--help", where=desk).stdout
    usage = installed.run("deidentify", "--help", where=desk)
    assert usage.returncode == 0
    assert usage.stdout.startswith("usage: cxr deidentify ")
    for wrong in ([], ["invent"], ["deidentify"], ["deidentify", str(desk / "nothing"), str(desk / "out")]):
        assert installed.run(*wrong, where=desk).returncode == 2, wrong


def test_without_the_extra_it_says_what_to_install(installed: Installed, desk: Path) -> None:
    start = f"import sys; sys.path.insert(0, {str(installed.site)!r}); from cxr.__main__ import main; sys.exit(main())"
    bare = (sys.executable, "-S", "-c", start)  # -S: no installed package can be seen
    done = installed.run("deidentify", str(desk / "in"), str(desk / "bare"), where=desk, python=bare)
    assert done.returncode == 2
    assert "pip install 'cxr-commons-client[deidentify]'" in done.stderr
    assert "pydicom" in done.stderr
    assert not (desk / "bare").exists()
    assert installed.run("--version", where=desk, python=bare).returncode == 0


def declared(file: Path) -> dict[str, Any]:
    return dict(tomllib.loads(file.read_text())["project"])


def floors(requirements: list[str]) -> dict[str, str]:
    found = {}
    for requirement in requirements:
        name, bounds = re.fullmatch(r"([\w-]+)(?:\[[^]]*\])?(.*)", requirement).groups()  # type: ignore[union-attr]
        # The same cv2: the portal has it without a window system, rapidocr asks for the one with it.
        found[name.replace("opencv-python-headless", "opencv-python")] = bounds
    return found


def test_the_extra_asks_for_what_the_portal_asks_for() -> None:
    from cxr.engine import MODULES

    extra = floors(declared(CLIENT / "pyproject.toml")["optional-dependencies"]["deidentify"])
    portal = floors(declared(ROOT / "pyproject.toml")["dependencies"])
    assert extra == {name: portal[name] for name in extra}
    assert set(MODULES) == set(extra)


def test_the_client_imports_only_the_engine() -> None:
    imported = set()
    for path in (CLIENT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {
        "cxr",
        "imaging",
        *("httpx", "tqdm"),
        *("numpy", "pandas", "PIL", "pydicom"),  # the extra `data`
    }
