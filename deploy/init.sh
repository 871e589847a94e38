#!/bin/sh
# Makes deploy/secrets/ once, before the first start. Never overwrites: lost keys cannot be made again.
#
# The folder is closed to everybody but its owner; the files inside are readable, because the containers run as
# users of their own and Compose mounts a secret file with the mode that it has here.
set -eu
cd "$(dirname "$0")/.."
if [ -e deploy/secrets ]; then
    echo "deploy/secrets is there already; nothing was changed." >&2
    exit 1
fi
[ -e deploy/cxr.env ] || { echo "Copy deploy/env.example to deploy/cxr.env and fill it in first." >&2; exit 1; }
host=$(sed -n 's|^CXR_ORIGIN=https://\([^:/]*\).*|\1|p' deploy/cxr.env)
[ -n "$host" ] || { echo "CXR_ORIGIN in deploy/cxr.env must begin with https://." >&2; exit 1; }
rm -rf deploy/secrets.new
mkdir -m 0700 deploy/secrets.new
docker compose run --rm --no-deps -T keys | tar --extract --preserve-permissions --directory deploy/secrets.new
# A certificate that browsers do not trust, so that the first start works; put the institute's own in its place.
openssl req -x509 -newkey rsa:3072 -nodes -days 90 -subj "/CN=$host" -addext "subjectAltName=DNS:$host" \
    -keyout deploy/secrets.new/tls.key -out deploy/secrets.new/tls.crt
chmod 0444 deploy/secrets.new/*
mv deploy/secrets.new deploy/secrets
echo "Made deploy/secrets. Copy it to a safe place now: without it the backups of the data are worth nothing."
