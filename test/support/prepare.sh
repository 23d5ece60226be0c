#!/bin/sh
# Makes a machine ready for the tests (npm runs it before them): installs what is missing through apt when it may, starts
# Docker when no daemon answers, and says in one line what is missing otherwise. Quiet when everything is there.
set -eu

fail() {
  echo "prepare: $*" >&2
  exit 1
}

missing=
need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] || missing="$missing $2"
}

need "${ORCA_TEST_DOCKERD:-dockerd}" docker.io
need "${ORCA_TEST_CADDY:-caddy}" caddy
need docker-registry docker-registry
need busybox busybox-static
need ip iproute2
need iptables iptables
need nsenter util-linux
need curl curl
need git git
need git-lfs git-lfs
need ssh-keygen openssh-client
need sshd openssh-server
need openssl openssl
need pebble pebble
need python3 python3-minimal
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"

socket=${ORCA_TEST_DOCKER:-${DOCKER_HOST:-unix:///var/run/docker.sock}}
socket=${socket#unix://}
answers() {
  curl -fsS --max-time 5 --unix-socket "$socket" http://docker/_ping >/dev/null 2>&1
}

if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || fail "missing:$missing. As root: apt-get install$missing"
  command -v apt-get >/dev/null 2>&1 || fail "missing:$missing. Install them with this system's package manager"
  echo "prepare: installing$missing"
  had_caddy=$(command -v caddy || true)
  had_registry=$(command -v docker-registry || true)
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of packages
  if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    fail "apt-get install$missing failed: $(grep '^E:' "$log" | tail -n 1) (all of it is in $log)"
  fi
  rm -f "$log"
  # Debian's caddy package starts a service on port 80, which the tests have no use for.
  if [ -z "$had_caddy" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now caddy >/dev/null 2>&1 || true
  fi
  if [ -z "$had_registry" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now docker-registry >/dev/null 2>&1 || true
  fi
fi

answers && exit 0
[ "$(id -u)" = 0 ] || fail "no Docker daemon answers on $socket (or this user may not ask it). As root: systemctl start docker"
[ -z "${ORCA_TEST_DOCKER:-}" ] || fail "no Docker daemon answers on $socket, which ORCA_TEST_DOCKER names"

log=/var/log/dockerd-orca-test.log
if [ -d /run/systemd/system ]; then
  systemctl start docker || fail "Docker does not start: see journalctl -u docker"
else
  echo "prepare: starting dockerd (log: $log)"
  # A pid file of a daemon that was killed keeps the next one from starting.
  if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
    rm -f /var/run/docker.pid
  fi
  PATH=$PATH:/usr/sbin:/sbin setsid dockerd >"$log" 2>&1 </dev/null &
fi

tries=0
until answers; do
  tries=$((tries + 1))
  [ "$tries" -le 300 ] || fail "Docker did not answer within 30 s: $(tail -n 1 "$log" 2>/dev/null)"
  sleep 0.1
done
