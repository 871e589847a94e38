"""Writes a tar file with new keys to standard output; `deploy/init.sh` unpacks it into deploy/secrets/.

The keys are those of portal/keys.py and the password of the database. They exist in memory and on a tmpfs only until
they have left the container.
"""

import io
import runpy
import secrets
import sys
import tarfile
import tempfile
from pathlib import Path

# By its path: importing the package `portal` would load the settings, and those need the keys.
ensure_keys = runpy.run_path(str(Path(__file__).parent.parent / "portal" / "keys.py"))["ensure_keys"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        contents = {name: path.read_bytes() for name, path in ensure_keys(Path(folder)).items()}
    contents["database.password"] = secrets.token_hex(32).encode()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o444
            archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main()
