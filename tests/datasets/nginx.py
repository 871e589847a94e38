"""A real nginx with the portal's own configuration, deploy/nginx.conf, on plain HTTP before a portal of a test."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx

from tests.e2e.installation import free_port

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"


class Nginx:
    """Sends what lies in `archives`; writes into `delivery` what went out."""

    def __init__(self, portal: str, archives: Path, delivery: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cxr-nginx-")
        folder, port = Path(self._folder.name), free_port()
        self.origin = f"http://127.0.0.1:{port}"
        delivery.mkdir(exist_ok=True)
        written = (ROOT / "deploy/nginx.conf").read_text()
        # The first server only redirects to HTTPS; of the second, TLS is left out.
        plain = re.sub(r"    server \{\n        listen 8080;.*?\n    \}\n", "", written, flags=re.DOTALL)
        plain = re.sub(r"^ *(ssl_\w+|http2) .*;\n", "", plain, flags=re.MULTILINE)
        values = {
            "listen 8443 ssl;": f"listen 127.0.0.1:{port};",
            "server web:8000;": f"server {portal.removeprefix('http://')};",
            "/srv/archives/": f"{archives}/",
            "/srv/delivery/": f"{delivery}/",
            "/tmp/": f"{folder}/",
            "worker_processes auto;": "worker_processes 1;",
            "/dev/stdout": f"{folder}/access.log",
            "/dev/stderr": f"{folder}/error.log",
        }
        assert not [name for name in values if name not in plain]
        plain = re.sub("|".join(map(re.escape, values)), lambda match: values[match[0]], plain)  # all at once
        (folder / "nginx.conf").write_text(plain)
        self.access_log = folder / "access.log"
        # As the portal's own user, as docker-compose.yml has it: nobody else may read archives.
        user = "user root root; " if os.geteuid() == 0 else ""
        options = ["-e", str(folder / "error.log"), "-g", f"{user}daemon off;"]
        command = [PROGRAM, "-c", str(folder / "nginx.conf"), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while True:
            try:
                httpx.get(f"{self.origin}/health/live", timeout=30)
                return
            except httpx.ConnectError:
                if self._process.poll() is not None:
                    errors = folder / "error.log"
                    raise AssertionError(errors.read_text() if errors.exists() else "nginx ended") from None

    def close(self) -> None:
        """Ends it as `nginx -s quit` does: what is under way is finished and logged."""
        self._process.terminate()
        self._process.communicate(timeout=30)
        self._folder.cleanup()
