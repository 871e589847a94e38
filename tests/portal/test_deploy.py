"""The server installation, as far as it can be checked without a Docker daemon: the real Compose reads the files."""

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import compose  # type: ignore[import-untyped]
import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from portal.keys import MAKERS

ROOT = Path(__file__).resolve().parent.parent.parent
# The package's own `docker-compose` command drops the exit status; the program beside the module keeps it.
COMPOSE = Path(compose.__file__).parent / "docker-compose"
ONE_SHOT = {"migrate", "keys"}
SETTINGS = (ROOT / "portal/settings.py").read_text()
SECRET_NAME = re.compile(r"\w*(?:PASSWORD|SECRET|TOKEN|PRIVATE|_KEY$)\w*", re.IGNORECASE)


def compose_config(folder: Path, *, edit: tuple[str, str] = ("", "")) -> "subprocess.CompletedProcess[str]":
    """Runs `docker compose config` on a copy of the checkout's files, filled in as docs/operators.md says."""
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets*", "cxr.env"))
    shutil.copy(folder / "deploy/env.example", folder / "deploy/cxr.env")
    (folder / "docker-compose.yml").write_text((ROOT / "docker-compose.yml").read_text().replace(*edit))
    return subprocess.run(
        [str(COMPOSE), "--profile", "init", "--profile", "dicom", "config", "--format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(("CXR_", "COMPOSE_"))},
    )


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    result = compose_config(tmp_path_factory.mktemp("compose"))
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "Compose warns"
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def services(configuration: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = configuration["services"]
    return found


def test_compose_finds_a_mistake(tmp_path: Path) -> None:
    result = compose_config(tmp_path, edit=("networks: [edge, inside]", "networks: [edge, nowhere]"))
    assert result.returncode != 0
    assert "nowhere" in result.stderr


def test_every_part_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"nginx", "web", "worker", "beat", "dicom", "database", "valkey"} | ONE_SHOT


def test_nobody_is_root_and_nothing_can_be_gained(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        user, group = service["user"].split(":")
        assert int(user) > 0, name
        assert int(group) > 0, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_every_service_is_watched_and_waits_for_what_it_needs(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no", name
            assert service["healthcheck"] == {"disable": True}, name
        else:
            assert service["restart"] == "unless-stopped", name
            assert len(service["healthcheck"]["test"]) > 1, name
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, (name, needed)
    for name in ("web", "worker", "dicom"):
        assert set(services[name]["depends_on"]) == {"database", "valkey", "migrate"}


def test_each_service_gets_only_its_keys(services: dict[str, dict[str, Any]]) -> None:
    """As the table in portal/keys.py says; above all, only the worker can open an original."""
    mounted = {name: {secret["source"] for secret in service.get("secrets", [])} for name, service in services.items()}
    keys = {name: sources & set(MAKERS) for name, sources in mounted.items()}
    assert keys == {
        "web": set(MAKERS) - {"quarantine.key"},
        "worker": set(MAKERS) - {"factors.key"},
        "dicom": set(MAKERS) - {"quarantine.key", "factors.key"},
        "beat": {"django.key"},
        "migrate": {"django.key", "factors.key"},
        "nginx": set(),
        "keys": set(),
        "database": set(),
        "valkey": set(),
    }


def test_the_worker_can_write_where_it_has_to_and_keeps_plain_originals_in_memory(
    services: dict[str, dict[str, Any]],
) -> None:
    worker = services["worker"]
    in_memory = {place.split(":")[0] for place in worker["tmpfs"]}
    writable = in_memory | {volume["target"] for volume in worker["volumes"] if not volume.get("read_only")}
    code = "".join(
        path.read_text() for app in ("datasets", "intake", "curation") for path in (ROOT / app).rglob("*.py")
    )
    folders = set(re.findall(r'settings\.CXR_VAR\)? / "(\w+)"', code))
    assert {"work", "tmp"} <= folders
    assert {f"/var/lib/cxr/{folder}" for folder in folders} <= writable
    assert {f"/var/lib/cxr/files/{name}" for name in ("quarantine", "candidates", "library", "archives")} <= writable
    assert "/var/lib/cxr/work" in in_memory


def test_no_secret_stands_in_the_configuration(configuration: dict[str, Any]) -> None:
    for name, service in configuration["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            a_file = variable.endswith("_FILE") or str(value).startswith("/run/secrets/")
            assert a_file or not SECRET_NAME.fullmatch(variable), (name, variable, value)
    for name, secret in configuration["secrets"].items():
        assert secret["file"].endswith(f"/deploy/secrets/{name}")
    for file in ("docker-compose.yml", "deploy/Dockerfile"):
        assert not re.search(r"://[^/\s$]*:[^/\s$]+@", (ROOT / file).read_text()), "an address with a password"


def test_only_nginx_and_the_listener_can_be_reached_and_nginx_reaches_neither_database_nor_broker(
    configuration: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert [name for name, service in services.items() if service.get("ports")] == ["dicom", "nginx"]
    assert services["dicom"]["profiles"] == ["dicom"], "nobody listens unasked"
    assert services["dicom"]["environment"]["CXR_DICOM_TLS_CERT"] == "/run/secrets/tls.crt"
    assert configuration["networks"]["inside"]["internal"] is True
    assert set(services["nginx"]["networks"]) == {"edge"}
    for name in ("database", "valkey"):
        assert set(services[name]["networks"]) == {"inside"}


def _volumes(service: dict[str, Any]) -> set[str]:
    return {f"{volume['source']}:{volume['target']}" for volume in service["volumes"]}


def test_nginx_hands_out_archives_and_nothing_else(services: dict[str, dict[str, Any]]) -> None:
    nginx = services["nginx"]
    volumes = {volume["target"]: volume for volume in nginx["volumes"] if volume["type"] == "volume"}
    assert {volume["source"] for volume in volumes.values() if volume.get("read_only")} == {"archives"}
    # It writes only what the worker reads: how many bytes went out.
    assert {volume["source"]: place for place, volume in volumes.items() if not volume.get("read_only")} == {
        "delivery": "/srv/delivery"
    }
    assert "delivery:/var/lib/cxr/delivery" in _volumes(services["worker"])
    place = next(place for place, volume in volumes.items() if volume["source"] == "archives")
    prefix = services["web"]["environment"]["CXR_ACCEL_PREFIX"]
    written = (ROOT / "deploy/nginx.conf").read_text()
    location = re.search(rf"location {re.escape(prefix)} {{(.*?)}}", written, re.DOTALL)
    assert location is not None
    assert location[1].split()[:4] == ["internal;", "alias", f"{place}/;", "#"]
    assert nginx["user"] == services["worker"]["user"], "archives are readable by their owner alone"


def test_nginx_keeps_no_upload_on_its_disk() -> None:
    configuration = (ROOT / "deploy/nginx.conf").read_text()
    assert re.search(r"^\s*proxy_request_buffering off;", configuration, re.MULTILINE)
    assert re.search(r"^\s*proxy_max_temp_file_size 0;", configuration, re.MULTILINE)


def test_nginx_lets_radiographs_through_wherever_they_come_in() -> None:
    configuration = (ROOT / "deploy/nginx.conf").read_text()
    blocks = dict(re.findall(r"location (?:[~=] )?(\S+) \{([^}]*)\}", configuration))
    roomy = {place for place, settings in blocks.items() if "client_max_body_size 20g;" in settings}
    assert roomy == {r"^/(uploads/\d+/|api/v1/batches/\d+/files/)$", "/uploads/tus/", "/dicom-web/"}


def test_the_image_has_the_whole_program_and_nothing_private() -> None:
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in patterns if line and not line.startswith("#")) == "*", "an allow-list"
    allowed = {line[1:] for line in patterns if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "client"}
    assert packages | {"manage.py", "requirements.txt", "templates", "locale", "assets", "deploy"} == allowed
    assert {"deploy/secrets*", "deploy/cxr.env"} <= set(patterns)


def test_the_image_is_built_from_the_lock_for_a_user() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    instructions = re.sub(r"\\\n\s*", "", dockerfile).splitlines()
    installs = [line for line in instructions if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line and "requirements.txt" in line for line in installs)
    assert any("npm ci" in line for line in instructions)
    assert [line for line in instructions if line.startswith("USER ")] == ["USER 10001:10001"]
    last_run = max(number for number, line in enumerate(instructions) if line.startswith("RUN "))
    assert instructions.index("USER 10001:10001") > last_run
    assert any(line.startswith("HEALTHCHECK ") for line in instructions)
    for line in instructions:
        if line.startswith(("ENV ", "ARG ")):
            assert not any(SECRET_NAME.fullmatch(name) for name in re.findall(r"\s(\w+)", line)), line


def test_building_the_image_makes_no_keys(tmp_path: Path) -> None:
    """Runs the Dockerfile's own collectstatic with its own variables."""
    dockerfile = re.sub(r"\\\n\s*", "", (ROOT / "deploy/Dockerfile").read_text())
    command = re.search(r"&& ((?:\w+=\S+ )+)python (manage.py collectstatic \S+)", dockerfile)
    assert command is not None
    given = dict(word.split("=", 1) for word in command[1].split())
    assert given["CXR_VAR"] == "/tmp/build"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CXR_")}
    environment |= given | {"CXR_VAR": str(tmp_path / "var"), "CXR_STATIC_ROOT": str(tmp_path / "static")}
    subprocess.run([sys.executable, *command[2].split()], cwd=ROOT, env=environment, check=True, capture_output=True)
    assert any((tmp_path / "static").rglob("*.css"))
    assert not (tmp_path / "var/keys").exists()


def test_new_keys_are_complete_and_new_every_time() -> None:
    def make() -> dict[str, bytes]:
        made = subprocess.run([sys.executable, "deploy/make_keys.py"], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]

    first, second = make(), make()
    assert set(first) == set(MAKERS) | {"database.password"}
    assert all(first[name] != second[name] for name in first)


def run_entrypoint(keys: Path, **environment: str) -> dict[str, str]:
    result = subprocess.run(
        [str(ROOT / "deploy/entrypoint.sh"), "env"],
        env={"PATH": os.environ["PATH"], "CXR_KEYS_DIR": str(keys), **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(line.split("=", 1) for line in result.stdout.splitlines())


def test_the_entrypoint_hands_over_the_secrets_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "django.key").write_text("signing\n")
    (tmp_path / "database.password").write_text("word")
    seen = run_entrypoint(tmp_path)
    assert seen["CXR_SECRET_KEY"] == "signing"
    assert seen["CXR_DATABASE_URL"] == "postgres://cxr:word@database:5432/portal"
    assert run_entrypoint(tmp_path, CXR_DATABASE_URL="sqlite:///x")["CXR_DATABASE_URL"] == "sqlite:///x"
    assert "CXR_SECRET_KEY" not in run_entrypoint(tmp_path / "nothing")


def test_gunicorn_takes_its_configuration() -> None:
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--print-config", "portal.wsgi"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    taken = dict(re.findall(r"^(\w+) +=[ \t]*(.*?)$", shown, re.MULTILINE))
    assert taken["worker_class"].startswith("gthread")
    assert taken["control_socket_disable"] == "True", "the container's user has no home"
    assert taken["accesslog"] == "None", "addresses carry invitation tokens"


def health(part: str, **environment: str) -> int:
    command = [sys.executable, str(ROOT / "deploy/healthcheck.py"), part]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], **environment}, capture_output=True).returncode


@pytest.mark.django_db(transaction=True)
def test_the_web_health_check_tells_a_working_portal_from_a_broken_one(live_server: LiveServer, client: Client) -> None:
    client.get("/health/live")  # the first request loads every page's code, which may take longer than a check waits
    address = f"{live_server.url}/health/ready"
    assert health("web", CXR_ORIGIN=live_server.url, CXR_HEALTH_URL=address) == 0
    assert health("web", CXR_ORIGIN="http://somebody.else", CXR_HEALTH_URL=address) != 0
    assert health("web", CXR_ORIGIN=live_server.url, CXR_HEALTH_URL="http://127.0.0.1:1/health/ready") != 0


def test_the_beat_health_check_wants_a_fresh_schedule(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert health("beat", CXR_VAR=str(tmp_path)) != 0
    schedule = tmp_path / "run/beat"
    schedule.touch()
    assert health("beat", CXR_VAR=str(tmp_path)) == 0
    os.utime(schedule, (0, 0))
    assert health("beat", CXR_VAR=str(tmp_path)) != 0


# --- docs/configuration.md ----------------------------------------------------------------------------------------


def documented(heading: str) -> dict[str, str]:
    """Name and default of every row in the tables under a heading of the second level."""
    text = (ROOT / "docs/configuration.md").read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(CXR_\w+)` \| (.*?) \|", section, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a variable stands there twice"
    return dict(rows)


def settings_read() -> dict[str, ast.expr | None]:
    """Every variable that settings.py reads through `env`, with its default as it is written."""
    found: dict[str, ast.expr | None] = {}
    for call in ast.walk(ast.parse(SETTINGS)):
        if isinstance(call, ast.Call) and re.fullmatch(r"env\.\w+", ast.unparse(call.func)):
            name = ast.literal_eval(call.args[0])
            default = next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)
            found[name] = found.get(name) or default
    return found


def test_the_table_names_exactly_what_the_settings_read() -> None:
    assert set(documented("The portal")) == set(settings_read())


def test_the_table_tells_the_defaults_as_they_are() -> None:
    table = documented("The portal")
    for name, default in settings_read().items():
        if isinstance(default, ast.Constant) and default.value not in ("", None):
            expected = str(default.value).lower() if isinstance(default.value, bool) else str(default.value)
            assert table[name] == f"`{expected}`", name
        elif isinstance(default, ast.BinOp):  # hours * 3600
            product = ast.literal_eval(default.left) * ast.literal_eval(default.right)
            assert table[name] == f"`{product}`", name


def test_the_table_names_what_only_the_containers_read() -> None:
    files = [ROOT / "docker-compose.yml", *(path for path in (ROOT / "deploy").iterdir() if path.is_file())]
    named = {name for path in files for name in re.findall(r"\bCXR_[A-Z_]+\b", path.read_text())}
    assert named - set(settings_read()) == set(documented("The containers"))
