"""gunicorn in the container. gthread: a download or an upload holds a thread, not a process, and is not cut at 30 s
as with sync workers; never ASGI, where Django keeps a whole file in memory (docs/decisions/0006)."""

import os

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = int(os.environ.get("CXR_WEB_PROCESSES", "2"))
threads = int(os.environ.get("CXR_WEB_THREADS", "16"))
# Of a gthread worker this is how long the process itself may be silent, not how long one request may take.
timeout = 60
graceful_timeout = 60
keepalive = 75
# The container's root is read-only; the heartbeat file must not wait for a disk anyway.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - memory, not a shared folder on disk
# It would lie in a home folder, which the container's user does not have.
control_socket_disable = True
# Only nginx reaches this port, and it sets X-Forwarded-Proto itself.
forwarded_allow_ips = "*"
# No access log: addresses can carry invitation tokens. nginx writes one without them.
accesslog = None
