#!/bin/sh
# Secrets come as files that only some services get. Two of them have to be in the environment of the process itself;
# a variable that is set already (an external database, say) wins.
set -eu
if [ -z "${CXR_SECRET_KEY:-}" ] && [ -r "$CXR_KEYS_DIR/django.key" ]; then
    CXR_SECRET_KEY=$(cat "$CXR_KEYS_DIR/django.key")
    export CXR_SECRET_KEY
fi
if [ -z "${CXR_DATABASE_URL:-}" ] && [ -r "$CXR_KEYS_DIR/database.password" ]; then
    CXR_DATABASE_URL="postgres://cxr:$(cat "$CXR_KEYS_DIR/database.password")@database:5432/portal"
    export CXR_DATABASE_URL
fi
exec "$@"
