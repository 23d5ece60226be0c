#!/bin/sh
# Runs a command beside a Docker daemon of its own: a network namespace with a fresh dockerd in it, both gone afterwards.
# Usage (as root): within.sh COMMAND [ARGUMENT…]. ORCA_TEST_DOCKERD names the daemon's binary (the programs that lie beside
# it, such as runc, come first on its PATH). The command finds the daemon by ORCA_TEST_DOCKER and DOCKER_HOST.
set -eu

dockerd=${ORCA_TEST_DOCKERD:-dockerd}
name=orca-test-$$
# Paths of unix sockets are short, so the folder is too.
root=$(mktemp -d "${TMPDIR:-/tmp}/$name.XXXX")
log=$root/dockerd.log
pid=

clean_up() {
  trap - EXIT INT TERM
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  ip netns delete "$name" 2>/dev/null || true
  umount "$root"/data/overlay2 2>/dev/null || true
  rm -rf "$root"
}

ip netns add "$name"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ip -n "$name" link set lo up

case $dockerd in
*/*) PATH=$(dirname "$dockerd"):$PATH ;;
esac
# Not `ip netns exec`: it remounts /sys, and the daemon loses its cgroups.
nsenter --net="/var/run/netns/$name" "$dockerd" --data-root "$root/data" --exec-root "$root/exec" \
  -p "$root/docker.pid" -H "unix://$root/docker.sock" >"$log" 2>&1 &
pid=$!

tries=0
until curl -fsS --unix-socket "$root/docker.sock" http://docker/_ping >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$pid" 2>/dev/null; then
    echo "within.sh: $dockerd does not answer: $(tail -n 1 "$log")" >&2
    exit 1
  fi
  sleep 0.1
done

ORCA_TEST_DOCKER=unix://$root/docker.sock DOCKER_HOST=unix://$root/docker.sock \
  nsenter --net="/var/run/netns/$name" "$@"
