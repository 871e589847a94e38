"""A pytest plugin that runs before Django reads its settings: a fresh installation in a temporary folder.

`CXR_TEST_DATABASE=postgresql` starts a PostgreSQL server of the tests' own; the default is SQLite.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests import postgres

# Unix socket paths are limited to 107 bytes, so the folder lies directly under the temporary one.
VAR = Path(tempfile.mkdtemp(prefix="cxr-"))
atexit.register(shutil.rmtree, VAR, ignore_errors=True)

os.environ.update(
    CXR_VAR=str(VAR),
    CXR_EMBEDDED="true",
    CXR_ORIGIN="http://127.0.0.1:8000",
    OMP_NUM_THREADS="1",
    DJANGO_ALLOW_ASYNC_UNSAFE="true",  # Playwright runs an event loop in the tests' own thread
)
for name in ("CXR_DATABASE_URL", "CXR_REDIS_URL", "CXR_SECRET_KEY", "CXR_EMAIL_URL", "CXR_KEYS_DIR"):
    os.environ.pop(name, None)

if os.environ.get("CXR_TEST_DATABASE", "sqlite") == "postgresql":
    if "CXR_TEST_POSTGRES" not in os.environ:  # else this is a process of a run that has its server
        server = postgres.Server(Path(tempfile.mkdtemp(prefix="cxr-pg-")))
        atexit.register(server.stop)
        server.start()
        os.environ["CXR_TEST_POSTGRES"] = str(server.folder)
    os.environ["CXR_DATABASE_URL"] = postgres.url(Path(os.environ["CXR_TEST_POSTGRES"]), "portal")
