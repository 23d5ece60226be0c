#!/bin/sh
# Runs the tests that use real parts: beside the machine's Docker, or, where ORCA_TEST_DOCKERD names another daemon's
# binary, beside one of those in a network namespace of its own.
set -eu
here=$(dirname "$0")
if [ -n "${ORCA_TEST_DOCKERD:-}" ] && [ -z "${ORCA_TEST_DOCKER:-}" ]; then
  exec "$here/within.sh" "$@"
fi
exec "$@"
