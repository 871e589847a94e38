"""What the containers ask themselves: `healthcheck.py web`, `beat` or `dicom`; exit status 0 is healthy.

Standard library only, so that it starts in milliseconds.
"""

import os
import socket
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit


def web() -> bool:
    """Asks /health/ready as nginx would, so that host and HTTPS checks let it through."""
    origin = urlsplit(os.environ.get("CXR_ORIGIN", "http://127.0.0.1:8000"))
    request = urllib.request.Request(  # noqa: S310 - the address is ours
        os.environ.get("CXR_HEALTH_URL", "http://127.0.0.1:8000/health/ready"),
        headers={"Host": origin.netloc, "X-Forwarded-Proto": origin.scheme},
    )
    with urllib.request.urlopen(request, timeout=8) as response:  # noqa: S310
        return bool(response.status == 200)


def beat() -> bool:
    """Celery beat writes its schedule every three minutes; a file older than ten means that it stands still."""
    run = Path(os.environ["CXR_VAR"]) / "run"
    return any(time.time() - path.stat().st_mtime < 600 for path in run.glob("beat*"))


def dicom() -> bool:
    """The listener takes a connection; it says no more to somebody from here."""
    with socket.create_connection(("127.0.0.1", int(os.environ["CXR_DICOM_PORT"])), 8):
        return True


if __name__ == "__main__":
    try:
        healthy = {"web": web, "beat": beat, "dicom": dicom}[sys.argv[1]]()
    except OSError as error:
        sys.exit(f"unhealthy: {error}")
    sys.exit(None if healthy else "unhealthy")
