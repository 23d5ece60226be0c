#!/bin/sh
# Installs Orca on this machine, starts it, and takes it away again. Safe to run again: it does only what is missing, asks
# nothing, and fails in one line. What it installs or starts it writes down in HOME/install.manifest, so that --uninstall
# removes that and nothing else.
#
# A master also serves this file, for hosts with nothing but curl and apt: with --join it needs no checkout, and takes the
# agent, and Node where the host has none, from that master.
set -eu

usage() {
  cat <<'USAGE'
usage: ./install.sh [--demo] [OPTIONS]          install Orca (and deploy examples/hello), as root
       ./install.sh --join URL                  make this host a node of the master at URL; also, without a checkout:
         curl -fsSk URL/install.sh | sudo sh -s -- --join URL
       ./install.sh --uninstall [--purge]       remove it again; --purge removes the volumes of its services too

options (each also from the environment, such as ORCA_HOME; kept for the next run):
  --home DIR            where Orca keeps its state               (/var/lib/orca)
  --listen HOST:PORT    the API                                  (0.0.0.0:6880)
  --http-port N         what Caddy listens on for HTTP           (80)
  --https-port N        what Caddy listens on for HTTPS          (443)
  --docker unix:///PATH the socket of Docker                     (unix:///var/run/docker.sock)
  --advertise ADDRESS   the address of this host for the others
  --name NAME           with --join: what the node is called     (the name of the host)
  --token-file FILE     with --join: the file that holds the join token; without it, it is asked for on the terminal
  --token TOKEN         with --join: the join token itself, which the list of processes shows meanwhile
USAGE
}

say() { echo "==> $*"; }
fail() {
  echo "install.sh: $*" >&2
  exit 1
}

main() {
  read_arguments "$@"
  become_root "$@"
  manifest=$home/install.manifest
  lib=/opt/orca
  run=$home/run
  unit=orca
  units=/etc/systemd/system
  [ "$home" = /var/lib/orca ] || unit=orca-$(printf %s "$home" | cksum | cut -d' ' -f1)
  PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin
  "$action"
}

read_arguments() {
  action=install demo='' purge=''
  home=${ORCA_HOME:-/var/lib/orca}
  listen=${ORCA_LISTEN:-} http_port=${ORCA_HTTP_PORT:-} https_port=${ORCA_HTTPS_PORT:-}
  docker=${ORCA_DOCKER:-} advertise=${ORCA_ADVERTISE:-} name='' master='' token=${ORCA_JOIN_TOKEN:-} token_file=''
  unset ORCA_JOIN_TOKEN
  while [ $# -gt 0 ]; do
    case $1 in
    --demo) demo=yes ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --home | --listen | --http-port | --https-port | --docker | --advertise | --join | --token | --token-file | --name)
      [ $# -ge 2 ] || fail "$1 wants a value; see ./install.sh --help"
      case $1 in
      --home) home=$2 ;;
      --listen) listen=$2 ;;
      --http-port) http_port=$2 ;;
      --https-port) https_port=$2 ;;
      --docker) docker=$2 ;;
      --advertise) advertise=$2 ;;
      --join) action=join master=${2%/} ;;
      --token) token=$2 ;;
      --token-file) token_file=$2 ;;
      --name) name=$2 ;;
      esac
      shift
      ;;
    -h | --help) usage && exit 0 ;;
    *) fail "unknown argument $1; see ./install.sh --help" ;;
    esac
    shift
  done
  case $home in /?*) ;; *) fail "--home wants an absolute path, not '$home'" ;; esac
  home=${home%/}
  [ -z "$token_file" ] || read_token
}

# A token is short; standard input may be this script.
read_token() {
  [ -f "$token_file" ] && [ -r "$token_file" ] || fail "--token-file wants a file that can be read, not '$token_file'"
  token=$(head -c 1000 "$token_file" | tr -d ' \t\r\n')
  [ -n "$token" ] || fail "the file $token_file is empty"
}

# Where a human sits there, whatever standard input is. What is typed is not shown.
ask_token() {
  [ -t 2 ] && { : >/dev/tty; } 2>/dev/null || return 0
  seen=$(stty -g </dev/tty)
  trap 'stty "$seen" </dev/tty; exit 130' HUP INT TERM
  printf 'join token, of "orca join-token create" on the master (not shown): ' >/dev/tty
  stty -echo </dev/tty
  IFS= read -r token </dev/tty || true
  stty "$seen" </dev/tty
  trap - HUP INT TERM
  echo >/dev/tty
}

# Without a file of its own (piped into sh) there is no checkout, and nothing that could be run again as root.
become_root() {
  here=''
  case $0 in *install.sh) cd "$(dirname "$0")" && here=$(pwd -P) ;; esac
  [ "$action" != install ] || [ -f "$here/master/main.ts" ] || fail "run it from a checkout of Orca, or with --join"
  [ "$(id -u)" != 0 ] || return 0
  command -v sudo >/dev/null 2>&1 || fail "it needs root: run it as root (there is no sudo here)"
  [ -n "$here" ] || fail "it needs root: pipe it into 'sudo sh -s -- …'"
  [ -z "$token" ] || export ORCA_JOIN_TOKEN="$token"
  exec sudo -E sh "$here/install.sh" "$@"
}

# --- installing -------------------------------------------------------------------------------------------------

install() {
  mkdir -p "$home" "$run" "$home/logs"
  chmod 700 "$home" "$run"
  touch "$manifest"
  recall_options
  remember_options
  : "${docker:=unix:///var/run/docker.sock}"
  find_packages
  install_packages
  find_node
  start_docker
  build
  link "$here"
  start_orca
  [ -z "$demo" ] || prepare_demo
  tell
}

# note KIND VALUE: writes down once what --uninstall has to undo.
note() { grep -qxF "$*" "$manifest" || echo "$*" >>"$manifest"; }
noted() { [ ! -f "$manifest" ] || sed -n "s|^$1 ||p" "$manifest"; }

# What is not given is as it was given before.
recall_options() {
  options=$home/install.options
  for option in listen http_port https_port docker advertise name; do
    eval "value=\$$option"
    [ -n "$value" ] || value=$(sed -n "s|^$option ||p" "$options" 2>/dev/null || true)
    eval "$option=\$value"
  done
}

# A changed file means another start.
remember_options() {
  for option in listen http_port https_port docker advertise name; do
    eval "echo \"$option \$$option\""
  done >"$options.new"
  changed=
  cmp -s "$options.new" "$options" || changed=yes
  mv "$options.new" "$options"
}

docker_answers() { docker -H "$docker" version >/dev/null 2>&1; }

find_packages() {
  wanted=
  docker_answers || command -v dockerd >/dev/null 2>&1 || wanted="$wanted docker.io"
  command -v caddy >/dev/null 2>&1 || wanted="$wanted caddy"
  want_registry
  command -v git >/dev/null 2>&1 || wanted="$wanted git"
  command -v ssh >/dev/null 2>&1 || wanted="$wanted openssh-client"
  command -v ip >/dev/null 2>&1 || wanted="$wanted iproute2"
  [ -e /etc/ssl/certs/ca-certificates.crt ] || wanted="$wanted ca-certificates"
  if ! command -v node >/dev/null 2>&1 && [ ! -x "$lib/node_modules/node/bin/node" ]; then
    wanted="$wanted nodejs npm"
  elif ! command -v npm >/dev/null 2>&1 && ! node_is_new_enough node; then
    wanted="$wanted npm"
  fi
}

# Images that no registry has are served to other nodes by it. A node can do without.
want_registry() {
  command -v docker-registry >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1 || wanted="$wanted docker-registry"
}

install_packages() {
  [ -n "$wanted" ] || return 0
  command -v apt-get >/dev/null 2>&1 || fail "missing:$wanted. Without apt-get it can't install them; do, and run this again"
  say "installing$wanted"
  before=$(installed_packages)
  log=$home/logs/apt.log
  export DEBIAN_FRONTEND=noninteractive
  apt-get update >"$log" 2>&1 || fail "apt-get update failed: $(apt_error)"
  # From Debian 13 on the client is a package of its own.
  case $wanted in *docker.io*) ! apt-cache show docker-cli >/dev/null 2>&1 || wanted="$wanted docker-cli" ;; esac
  case $wanted in *docker-registry*)
    if ! apt-cache show docker-registry >/dev/null 2>&1; then
      wanted=$(echo "$wanted" | sed 's/ docker-registry//')
      say "docker-registry is not to be had here: images that are only on this host can't be carried to other nodes"
    fi
    ;;
  esac
  # shellcheck disable=SC2086 # a list of packages
  apt-get install -y --no-install-recommends iptables $wanted >>"$log" 2>&1 || fail "apt-get install failed: $(apt_error)"
  for package in $(installed_packages); do
    echo "$before" | grep -qxF "$package" || note package "$package"
  done
  # The package starts a Caddy of its own on port 80; Orca runs Caddy itself.
  if noted package | grep -qx caddy && [ -d /run/systemd/system ]; then
    systemctl disable --now caddy >/dev/null 2>&1 || true
  fi
  # And that one listens on port 5000; Orca runs it when it is needed, on a socket.
  if noted package | grep -qx docker-registry && [ -d /run/systemd/system ]; then
    systemctl disable --now docker-registry >/dev/null 2>&1 || true
  fi
}

installed_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort -u; }
apt_error() { grep '^E:' "$log" | tail -n 1; }

node_is_new_enough() {
  command -v "$1" >/dev/null 2>&1 && "$1" -e 'process.exit(parseInt(process.versions.node, 10) >= 20 ? 0 : 1)'
}

# Debian 12 has Node 18; the npm package `node` brings a newer one without touching the system's.
find_node() {
  for node in node "$lib/node_modules/node/bin/node"; do
    if node_is_new_enough "$node"; then
      node=$(command -v "$node")
      return 0
    fi
  done
  say "installing Node 22 into $lib (this system's is older than 20)"
  [ -d "$lib" ] || note folder "$lib"
  mkdir -p "$lib"
  log=$home/logs/npm.log
  npm install --prefix "$lib" --no-audit --no-fund node@22 >"$log" 2>&1 || fail "npm install node@22 failed: $(npm_error)"
  node_is_new_enough "$node" || fail "Node 20 or newer is needed and could not be installed; install it and run this again"
}

npm_error() { grep -iE 'npm (err|error)' "$log" | head -n 1; }

start_docker() {
  docker_answers && return 0
  [ "$docker" = unix:///var/run/docker.sock ] || fail "no Docker answers at $docker"
  say "starting Docker"
  if [ -d /run/systemd/system ]; then
    systemctl enable --now docker >/dev/null 2>&1 || fail "Docker does not start: see journalctl -u docker"
  else
    if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then rm -f /var/run/docker.pid; fi
    setsid dockerd >"$home/logs/dockerd.log" 2>&1 </dev/null &
    note dockerd started
  fi
  attempt=0
  until docker_answers; do
    attempt=$((attempt + 1))
    [ "$attempt" -le 60 ] || fail "Docker did not answer within 30 s: $(tail -n 1 "$home/logs/dockerd.log" 2>/dev/null)"
    sleep 0.5
  done
}

build() {
  PATH=$(dirname "$node"):$PATH
  log=$home/logs/build.log
  if [ ! -d node_modules ] || [ -n "$(find package-lock.json -newer node_modules/.package-lock.json 2>&1)" ]; then
    say "fetching Orca's packages (npm ci)"
    [ -d node_modules ] || note folder "$here/node_modules"
    npm ci --no-audit --no-fund >"$log" 2>&1 || fail "npm ci failed: $(npm_error)"
  fi
  [ -f node_modules/typescript/bin/tsc ] || return 0
  newest=$(find shared proxy-config discovery agent master cli package.json -newer dist/.built 2>/dev/null | head -n 1)
  if [ -f dist/.built ] && [ -z "$newest" ]; then return 0; fi
  say "building Orca"
  [ -d dist ] || note folder "$here/dist"
  npm run build >"$log" 2>&1 || fail "the build failed: $(grep -v '^>' "$log" | grep . | head -n 1)"
  touch dist/.built
  changed=yes
}

# link PROGRAM: the command of the CLI in that folder.
link() {
  target=$1/dist/cli/orca.js
  command=$run/orca
  # A wrapper rather than a bare link: it names the Node that this machine has for Orca.
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node" "$target" >"$command"
  chmod +x "$command"
  # One that leads nowhere is nobody's any more.
  if [ -L /usr/local/bin/orca ] && [ ! -e /usr/local/bin/orca ]; then rm -f /usr/local/bin/orca; fi
  if ln -s "$command" /usr/local/bin/orca 2>/dev/null; then
    note link /usr/local/bin/orca
  elif [ "$(readlink /usr/local/bin/orca)" != "$command" ]; then
    say "/usr/local/bin/orca is another Orca's and stays; this one is $command"
  fi
}

orca() { ORCA_HOME=$home "$node" "$here/dist/cli/orca.js" "$@"; }
answers() { orca status --json >"$run/status.json" 2>"$run/status.error"; }

server_arguments() {
  set -- --home "$home" --docker "$docker"
  [ -z "$listen" ] || set -- "$@" --listen "$listen"
  [ -z "$http_port" ] || set -- "$@" --http-port "$http_port"
  [ -z "$https_port" ] || set -- "$@" --https-port "$https_port"
  [ -z "$advertise" ] || set -- "$@" --advertise "$advertise"
  printf '%s\n' "$@"
}

start_orca() {
  if answers; then
    [ -n "$changed" ] || return 0
    say "restarting Orca's master (what is served goes on)"
  else
    ports_are_free
    say "starting Orca"
  fi
  if [ -d /run/systemd/system ]; then start_units; else keep_server; fi
  attempt=0
  until answers; do
    attempt=$((attempt + 1))
    if [ "$attempt" -gt 120 ]; then fail "Orca did not answer within 60 s: $(last_words)"; fi
    [ -d /run/systemd/system ] || keeper_runs || fail "Orca does not start: $(last_words)"
    sleep 0.5
  done
  note cluster "$("$node" -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).cluster_id' "$run/status.json")"
}

ports_are_free() {
  for port in "${http_port:-80}" "${https_port:-443}"; do
    "$node" -e 'require("net").createServer().on("error", () => process.exit(1)).listen(+process.argv[1], () => process.exit(0))' \
      "$port" || caddy_is_ours || fail "port $port is taken; stop what listens there, or choose another with --http-port and --https-port"
  done
}

caddy_is_ours() { processes_of_home | grep -q .; }

# start_keeper NAME COMMAND…: runs it with its pid in run/NAME.pid and what it says in logs/NAME.log. It is started again one
# second after it died, and gets the keeper's SIGTERM.
start_keeper() {
  stop_keeper
  cat >"$run/keep.sh" <<'KEEPER'
#!/bin/sh
run=$1 name=$2 log=$3
shift 3
stop='' child=''
# What has crashed held secrets; as LimitCORE=0 of the units.
ulimit -c 0
trap 'stop=yes; kill -TERM "$child" 2>/dev/null' TERM INT
trap '' HUP
while [ -z "$stop" ]; do
  "$@" >>"$log" 2>&1 &
  child=$!
  echo "$child" >"$run/$name.pid"
  wait "$child"
  [ -n "$stop" ] || sleep 1
done
wait "$child"
rm -f "$run/$name.pid" "$run/keeper.pid"
KEEPER
  keeper_name=$1
  shift
  setsid sh "$run/keep.sh" "$run" "$keeper_name" "$home/logs/$keeper_name.log" "$@" </dev/null >/dev/null 2>&1 &
  echo $! >"$run/keeper.pid"
}

keep_server() {
  : >"$home/logs/server.log"
  server_arguments >"$run/arguments"
  set -- server "$node" "$here/dist/cli/orca.js" server
  while IFS= read -r argument; do set -- "$@" "$argument"; done <"$run/arguments"
  start_keeper "$@"
}

# True while the server has not died twice: a setting it refuses will not mend itself.
keeper_runs() {
  keeper=$(cat "$run/keeper.pid" 2>/dev/null) && kill -0 "$keeper" 2>/dev/null || return 1
  deaths=$(grep -c '"code":"\(PORT_TAKEN\|CONFIG_INVALID\|HOME_UNSAFE\|STORE_TOO_NEW\|USAGE\|ALREADY_RUNNING\)"\|^orca: ' "$home/logs/server.log" || true)
  [ "$deaths" -lt 2 ] || { stop_keeper && return 1; }
}

last_words() {
  if [ -d /run/systemd/system ]; then
    journalctl -u "$unit" -n 1 -o cat 2>/dev/null
  else
    tail -n 1 "$home/logs/server.log"
  fi
}

find_keeper() {
  keeper=$(cat "$run/keeper.pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$keeper/cmdline" 2>/dev/null | grep -qF "$run/keep.sh"
}

stop_keeper() {
  find_keeper || return 0
  kill -TERM "$keeper"
  wait_for_end "$keeper"
}

wait_for_end() {
  attempt=0
  while kill -0 "$1" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; do
    attempt=$((attempt + 1))
    [ "$attempt" -le 100 ] || { kill -KILL "$1" 2>/dev/null && return 0; }
    sleep 0.1
  done
}

# write_unit NAME WHAT AFTER COMMAND. KillMode=process: Caddy and the resolver outlive the program that started them. No limit
# of starts: what it waits for, such as an address or room on the disk, may come at any time.
write_unit() {
  cat >"$units/$1.service" <<UNIT
[Unit]
Description=Orca $2 ($home)
After=network-online.target docker.service $3
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=$4
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=1048576
LimitCORE=0
$(shut_in "$2")

[Install]
WantedBy=multi-user.target
UNIT
  note unit "$1.service"
}

# What the program, and all that it starts, can't do (docs/hardening.md). Not among it, since they run in the same unit: what Caddy,
# iptables and ip need (netlink, raw sockets, NET_ADMIN), and the tmpfs below /run where Docker finds secrets. Node compiles at run
# time, so memory stays executable.
shut_in() {
  cat <<LINES
UMask=0077
NoNewPrivileges=yes
ProtectHome=read-only
ReadWritePaths="$(printf %s "$home" | sed 's/%/%%/g')"
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native
LINES
  # The agent has the /tmp that Docker has: it looks where mounts lead; and it makes the cgroup that holds a build's steps.
  if [ "$1" = master ]; then
    case $home$here in */tmp/*) ;; *) echo PrivateTmp=yes ;; esac
    cat <<'LINES'
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectKernelTunables=yes
PrivateDevices=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_NET_BIND_SERVICE
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
LINES
  else
    cat <<'LINES'
ProtectSystem=full
CapabilityBoundingSet=~CAP_AUDIT_CONTROL CAP_BPF CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_SYSLOG CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_TIME CAP_WAKE_ALARM
LINES
  fi
}

start_units() {
  arguments=$(server_arguments | sed 's/[^A-Za-z0-9_.,:\/=@-]/\\&/g' | tr '\n' ' ')
  write_unit "$unit" master '' "\"$node\" \"$here/dist/cli/orca.js\" server --no-agent $arguments"
  write_unit "$unit-agent" agent "$unit.service" "\"$node\" \"$here/dist/cli/orca.js\" agent --home \"$home\""
  systemctl daemon-reload
  systemctl enable "$unit" "$unit-agent" >/dev/null 2>&1
  systemctl restart "$unit" "$unit-agent"
}

# --- joining ----------------------------------------------------------------------------------------------------

# What it fetches lies in `stage` until everything that must hold was looked at; a first join that fails before the master has
# let this host in takes away again what it has changed.
join() {
  check_arguments
  recall_options
  : "${docker:=unix:///var/run/docker.sock}"
  is_new='' enrolled=''
  [ -e "$home" ] || is_new=yes
  if [ -n "$is_new" ]; then mkdir -p "$(dirname "$home")" && stage=$(mktemp -d "$home.join-XXXXXX"); else stage=$(mktemp -d "$home/.join-XXXXXX"); fi
  trap leave_join EXIT
  trap 'exit 130' HUP INT TERM
  pin_master
  fetch_program
  fetch_node
  check_host
  prepare_home
  find_docker
  install_packages
  start_docker
  put_in_place
  ask_orca join || refused
  enrolled=yes
  start_agent
  say "waiting for the master to hear from this node"
  ask_orca ready || refused
  remove_old_programs
  tell_joined
}

check_arguments() {
  case $master in https://?*) ;; *) fail "--join wants the master's URL, such as https://HOST:6880, not '$master'" ;; esac
  [ -n "$token" ] || ask_token
  [ -n "$token" ] || fail "--join wants --token TOKEN (or --token-file, or ORCA_JOIN_TOKEN); make one on the master with 'orca join-token create'"
  fingerprint=${token##*.}
  case $token in orca-join.j-*.*.*) ;; *) fingerprint='' ;; esac
  case $fingerprint in *[!0-9a-f]*) fingerprint='' ;; esac
  [ "${#fingerprint}" = 64 ] || fail "this is no join token; make one on the master with 'orca join-token create', and pass it whole"
  # As agents do (shared/pinned-name.ts): under the cluster's own domain the API may show a certificate of a public CA.
  asked=$master host=${master#https://}
  host=${host%%/*}
  case $host in
  \[*) ;;
  *[!0-9.:]*)
    port=443
    case $host in *:*) port=${host##*:} host=${host%:*} ;; esac
    asked=https://master.orca.internal:$port connect_to=master.orca.internal:$port:$host:$port
    ;;
  esac
  for tool in curl tar gzip sha256sum base64 mktemp; do
    command -v "$tool" >/dev/null 2>&1 || fail "it needs $tool; install it and run this again"
  done
}

leave_join() {
  status=$?
  rm -rf "$stage"
  if [ "$status" != 0 ] && [ -z "$enrolled" ] && [ -n "$is_new" ] && [ -d "$home" ]; then (uninstall) >/dev/null 2>&1 || true; fi
}

# The first answer is believed for the clock alone. The CA in it is taken when its SHA-256 is the token's, and written anew, so
# that nothing else comes with it; what is fetched from then on must come from who has a certificate of that CA.
pin_master() {
  get /node/manifest "$stage/manifest" --insecure
  check_clock
  sed -n '/^-----BEGIN CERTIFICATE-----$/,/^-----END CERTIFICATE-----$/p' "$stage/manifest" | grep -v '^-' | base64 -d >"$stage/ca.der" 2>/dev/null || true
  [ "$(sum_of "$stage/ca.der")" = "$fingerprint" ] ||
    fail "the master at $master is not the one that made this token: its CA has another fingerprint. Check the URL and the token; nothing was sent to it"
  {
    echo '-----BEGIN CERTIFICATE-----'
    base64 "$stage/ca.der"
    echo '-----END CERTIFICATE-----'
  } >"$stage/ca.pem"
  get /node/manifest "$stage/manifest" --cacert "$stage/ca.pem"
}

# get PATH FILE CURL-OPTION…
get() {
  path=$1 file=$2
  shift 2
  curl -fsS --proto '=https' ${connect_to:+--connect-to "$connect_to"} --connect-timeout 10 --max-time 900 --retry 5 "$@" -o "$file" "$asked$path" 2>"$stage/curl.error" && return 0
  ended=$? why=$(sed -n 's/^curl: ([0-9]*) //p' "$stage/curl.error" | tail -n 1)
  case $ended in
  6 | 7 | 28) fail "no answer from $master: $why. Is the master up, and its port open for this host?" ;;
  22) fail "$master$path: $why. Is it an Orca master of this version?" ;;
  60) fail "$master shows a certificate that is not for this address: $why. Use an address or the name of the master's host" ;;
  *) fail "$master$path could not be fetched: $why" ;;
  esac
}

from_manifest() { sed -n "s|^$1 ||p" "$stage/manifest" | head -n 1; }
sum_of() { sha256sum "$1" | cut -d' ' -f1; }
megabytes() { echo "$((($1 + 999999) / 1000000)) MB"; }

check_clock() {
  theirs=$(from_manifest time) ours=$(date +%s)
  case $theirs in '' | *[!0-9]*) fail "what answers at $master is no Orca master of this version" ;; esac
  apart=$((ours - theirs))
  apart=${apart#-}
  [ "$apart" -le 300 ] || fail "this host's clock is $apart s from the master's: set it (timedatectl set-ntp true) and run this again; nothing was changed"
}

# get_file SHA-256 FILE
get_file() {
  get "/node/files/$1" "$2" --cacert "$stage/ca.pem"
  [ "$(sum_of "$2")" = "$1" ] || fail "what $master sent is not what it announced (another SHA-256); run this again"
}

# The agent of the master's version; nothing of it depends on the architecture.
fetch_program() {
  # shellcheck disable=SC2046 # words
  set -- $(from_manifest agent)
  sum=$1 program=$home/programs/agent-$(printf %.12s "$1")
  code=$program
  [ ! -d "$program" ] || return 0
  say "fetching Orca $(from_manifest version) from $master ($(megabytes "$2"))"
  get_file "$sum" "$stage/agent.tar.gz"
  code=$stage/agent
  mkdir "$code"
  tar -xzf "$stage/agent.tar.gz" --no-same-owner -C "$code" || fail "the agent could not be unpacked"
}

# This host's own Node when it is new enough, else the master's.
fetch_node() {
  # shellcheck disable=SC2046 # words
  set -- $(from_manifest runtime)
  runtime=$home/programs/node-$(printf %.12s "$1")
  for node in node "$runtime/node"; do
    if node_is_new_enough "$node"; then
      node=$(command -v "$node")
      return 0
    fi
  done
  needed="install Node.js 20 or newer and run this again"
  [ "$3" = "$(platform)" ] || fail "this host ($(platform)) has no Node.js 20 or newer, and the master's is for $3: $needed"
  say "fetching Node.js $4 from $master ($(megabytes "$2"))"
  mkdir "$stage/runtime"
  node=$stage/runtime/node
  get_file "$1" "$node"
  chmod 755 "$node"
  node_is_new_enough "$node" || fail "this host has no Node.js 20 or newer, and the master's does not run here ($(why_not "$node")): $needed"
}

platform() {
  case $(uname -s)-$(uname -m) in
  Linux-x86_64) echo linux-x64 ;;
  Linux-aarch64) echo linux-arm64 ;;
  Linux-armv[67]l) echo linux-arm ;;
  *) echo "$(uname -s)-$(uname -m)" | tr '[:upper:]' '[:lower:]' ;;
  esac
}

# A libc of another kind, or libraries of another distribution.
why_not() {
  missing=$(ldd "$1" 2>/dev/null | sed -n 's/^[[:space:]]*\(.*\) => not found.*/\1/p' | tr '\n' ' ')
  if [ -n "$missing" ]; then echo "it lacks $missing"; else "$1" --version 2>&1 | head -n 1; fi
}

# Docker that is there is looked at by `orca join --check`; one that comes, or is started, by this script.
check_host() {
  docker_later=''
  if ! docker_answers && [ "$docker" = unix:///var/run/docker.sock ]; then
    docker_later=--docker-later
    if command -v dockerd >/dev/null 2>&1; then
      dockerd_is_new_enough || fail "Docker Engine 20.10 or newer is needed, and $(dockerd --version) is installed; nothing was changed"
    else
      command -v apt-get >/dev/null 2>&1 || fail "there is no Docker, and no apt-get to install it with: install Docker Engine 20.10 or newer and run this again"
    fi
  fi
  ask_orca check || refused
}

dockerd_is_new_enough() {
  # shellcheck disable=SC2046 # words
  set -- $(dockerd --version | sed -n 's/^Docker version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  [ "${1:-0}" -gt 20 ] || { [ "${1:-0}" = 20 ] && [ "${2:-0}" -ge 10 ]; }
}

# ask_orca check | join | ready. The token is in the environment of this one process.
ask_orca() {
  case $1 in
  ready)
    set -- "$node" "$code/dist/cli/orca.js" join "$master" --home "$home" --ready
    "$@" >"$stage/said" 2>"$stage/refused"
    return
    ;;
  check) set -- --check ${docker_later:+"$docker_later"} ;;
  join) set -- ;;
  esac
  [ -z "$advertise" ] || set -- "$@" --advertise "$advertise"
  [ -z "$name" ] || set -- "$@" --name "$name"
  set -- "$node" "$code/dist/cli/orca.js" join "$master" --home "$home" --docker "$docker" "$@"
  ORCA_JOIN_TOKEN=$token "$@" >"$stage/said" 2>"$stage/refused"
}

# Says in a line a check what Orca said, and what to do behind the last.
refused() {
  messages=$(sed -n 's/^error: //; t keep; d; :keep; s/[.: ]*$//; p' "$stage/refused") hint=$(sed -n 's/^hint: //p' "$stage/refused")
  [ -n "$messages" ] || messages=$(tail -n 1 "$stage/refused")
  printf '%s. %s\n' "$messages" "$hint" | sed 's/^/install.sh: /' >&2
  exit 1
}

prepare_home() {
  mkdir -p "$home/programs" "$run" "$home/logs"
  chmod 700 "$home" "$run"
  touch "$manifest"
  note cluster "$(printf %.12s "$fingerprint")"
  remember_options
}

find_docker() {
  wanted=
  docker_answers || command -v dockerd >/dev/null 2>&1 || wanted=" docker.io"
  # With Docker, what a node builds from source with; one without it builds nothing, and is none the worse.
  if [ -n "$wanted" ]; then
    command -v git >/dev/null 2>&1 || wanted="$wanted git"
    command -v ssh >/dev/null 2>&1 || wanted="$wanted openssh-client"
  fi
  want_registry
}

put_in_place() {
  if [ "$code" != "$program" ]; then mv "$code" "$program"; fi
  code=$program
  if [ -d "$stage/runtime" ]; then
    mv "$stage/runtime" "$runtime"
    node=$runtime/node
  fi
  ln -s "$program" "$stage/program"
  mv -T "$stage/program" "$home/program"
  link "$home/program"
}

# It is started again only when what it was started with, or from, is another one.
start_agent() {
  { echo "$node $program" && cat "$home/agent/agent.json"; } >"$run/agent.new"
  if agent_runs && cmp -s "$run/agent.new" "$run/agent.started"; then return 0; fi
  say "starting the agent"
  if [ -d /run/systemd/system ]; then
    write_unit "$unit-agent" agent '' "\"$node\" \"$home/program/dist/cli/orca.js\" agent --home \"$home\""
    systemctl daemon-reload
    systemctl enable "$unit-agent" >/dev/null 2>&1
    systemctl restart "$unit-agent"
  else
    start_keeper agent "$node" "$home/program/dist/cli/orca.js" agent --home "$home"
  fi
  mv "$run/agent.new" "$run/agent.started"
}

agent_runs() {
  if [ -d /run/systemd/system ]; then systemctl is-active --quiet "$unit-agent"; else find_keeper; fi
}

# An older resolver may run on, and be followed by another one, from where it was started. What runs is listed first: the grep
# has the folder among its own arguments.
remove_old_programs() {
  running=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n')
  for folder in "$home/programs"/agent-*; do
    [ "$folder" != "$program" ] || continue
    printf '%s\n' "$running" | grep -qF "$folder/" || rm -rf "$folder"
  done
}

tell_joined() {
  at=
  [ "$home" = /var/lib/orca ] || at="ORCA_HOME=$home "
  echo
  cat "$stage/said"
  echo "  look at it    ${at}$run/orca doctor    (on the master: orca nodes)"
  echo "  take it away  sh $home/program/install.sh --uninstall --home $home"
}

# --- the demo ---------------------------------------------------------------------------------------------------

demo_image=orca-demo/hello:1

prepare_demo() {
  if ! docker -H "$docker" image inspect "$demo_image" >/dev/null 2>&1; then
    say "making the demo's image from what this machine has"
    note image "$demo_image"
    make_image
  fi
  say "deploying examples/hello"
  orca deploy -f "$here/examples/hello/service.toml" || fail "the demo was not deployed; see the lines above"
}

make_image() {
  files=$(mktemp -d)
  mkdir -p "$files/bin" "$files/www" "$files/tmp"
  cp "$here/examples/hello/index.html" "$files/www/index.html"
  if busybox=$(command -v busybox) && "$busybox" --list 2>/dev/null | grep -qx httpd && ! ldd "$busybox" >/dev/null 2>&1; then
    cp "$busybox" "$files/bin/busybox"
    command='["/bin/busybox","httpd","-f","-p","8080","-h","/www"]'
  else
    cp -L "$node" "$files/bin/node"
    for library in $(ldd "$node" | grep -o '/[^ ]*'); do
      mkdir -p "$files$(dirname "$library")"
      cp -L "$library" "$files$library"
    done
    command='["/bin/node","-e","require(\"http\").createServer((q,s)=>s.setHeader(\"content-type\",\"text/html\").end(require(\"fs\").readFileSync(\"/www/index.html\"))).listen(8080);process.on(\"SIGTERM\",()=>process.exit())"]'
  fi
  tar -C "$files" -c . | docker -H "$docker" import -c "CMD $command" - "$demo_image" >/dev/null || fail "docker import failed"
  rm -rf "$files"
}

tell() {
  at=
  [ "$home" = /var/lib/orca ] || at="ORCA_HOME=$home "
  echo
  echo "Orca runs."
  echo "  API           $(cat "$home/cluster.url")"
  echo "  admin token   $home/cluster.token"
  if [ -n "$demo" ]; then
    port=${https_port:-443}
    url=https://hello.localhost/
    [ "$port" = 443 ] || url=https://hello.localhost:$port/
    echo "  the demo      $url"
    echo "                ${SUDO_USER:+sudo }curl --cacert $home/ca.pem --resolve hello.localhost:$port:127.0.0.1 $url"
    echo "  next          ${at}orca status"
  else
    echo "  next          ${at}orca deploy -f SERVICE.toml   (see examples/)"
  fi
}

# --- uninstalling -----------------------------------------------------------------------------------------------

uninstall() {
  [ -d "$home" ] || { say "there is no Orca in $home" && return 0; }
  docker=${docker:-$(sed -n 's|^docker ||p' "$home/install.options" 2>/dev/null || true)}
  : "${docker:=unix:///var/run/docker.sock}"
  stop_orca
  release_names
  remove_from_docker
  for path in $(noted link); do
    if [ "$(readlink "$path")" = "$run/orca" ]; then rm -f "$path"; fi
  done
  stop_docker
  remove_packages
  noted folder | while IFS= read -r path; do rm -rf "$path"; done
  say "removing $home"
  # Secrets as files (agent/secret-files.ts): on a tmpfs, below the name that the home gives.
  secrets=orca-$(printf %s "$home" | sha256sum | cut -c 1-12)
  for place in /run "${XDG_RUNTIME_DIR:-/run}" /dev/shm; do rm -rf "${place:?}/$secrets"; done
  rm -rf "$home"
  echo "Orca is gone."
}

stop_orca() {
  say "stopping Orca"
  for name in $(noted unit); do
    systemctl disable --now "$name" >/dev/null 2>&1 || true
    rm -f "$units/$name"
  done
  if [ -n "$(noted unit)" ]; then systemctl daemon-reload; fi
  stop_keeper
  for pid in $(processes_of_home); do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $(processes_of_home); do wait_for_end "$pid"; done
}

# What its agent claimed of the host, so that containers find services by name: chains of packet rules, and a range of addresses
# unless another Orca uses it too.
release_names() {
  claim=$home/discovery/claim.json
  [ -f "$claim" ] || return 0
  chain=$(sed -n 's|.*"chain":"\(ORCA-[0-9a-f]*\)".*|\1|p' "$claim")
  range=$(sed -n 's|.*"range":"\([0-9./]*\)".*|\1|p' "$claim")
  [ -n "$chain" ] && [ -n "$range" ] || return 0
  for at in nat:PREROUTING filter:INPUT; do
    table="iptables -w 5 -t ${at%:*}"
    $table -D "${at#*:}" -d "$range" -j "$chain" 2>/dev/null || true
    $table -F "$chain" 2>/dev/null || true
    $table -X "$chain" 2>/dev/null || true
  done
  left=$(iptables -w 5 -t nat -S PREROUTING 2>/dev/null) || true
  case $left in *"-d $range -j ORCA-"*) ;; *) ip route del local "$range" dev lo 2>/dev/null || true ;; esac
}

# The master, the agent, what serves names, the resolver, Caddy and the registry of images: programs whose command line names a path in this home.
processes_of_home() {
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    arguments=$(tr '\0' '\n' 2>/dev/null <"$folder/cmdline") || continue
    case $(printf '%s\n' "$arguments" | head -n 1) in *node | *caddy* | *docker-registry) ;; *) continue ;; esac
    printf '%s\n' "$arguments" | grep -qE "^$home(/|\$)" || continue
    echo "$pid"
  done
}

remove_from_docker() {
  docker_answers || { say "Docker does not answer: its containers are not looked at" && return 0; }
  for cluster in $(noted cluster); do
    say "removing the containers and networks of cluster $cluster"
    in_docker ps -aq | each_in_docker rm -fv
    in_docker network ls -q | each_in_docker network rm
    docker -H "$docker" images --format '{{.Repository}}:{{.Tag}}' "orca.local/$cluster/*/*" | each_in_docker rmi
    if [ -n "$purge" ]; then in_docker volume ls -q | each_in_docker volume rm -f; fi
  done
  noted image | each_in_docker rmi -f
}

in_docker() { docker -H "$docker" "$@" --filter "label=orca.cluster=$cluster"; }
each_in_docker() { while IFS= read -r thing; do docker -H "$docker" "$@" "$thing" >/dev/null 2>&1 || true; done; }

stop_docker() {
  [ -n "$(noted dockerd)" ] && [ -f /var/run/docker.pid ] || return 0
  if [ -n "$(docker -H "$docker" ps -q 2>/dev/null)" ]; then
    say "Docker was started by this script, but runs other containers now: it stays"
    sed -i '/^package /d' "$manifest"
    return 0
  fi
  say "stopping Docker"
  daemon=$(cat /var/run/docker.pid)
  kill -TERM "$daemon" 2>/dev/null || true
  wait_for_end "$daemon"
  remove_bridge
}

# What dockerd leaves in the kernel when it ends.
remove_bridge() {
  ip link delete docker0 2>/dev/null || true
  for table in nat filter; do
    iptables -t "$table" -S 2>/dev/null | grep -E 'DOCKER|docker0|172\.17\.0\.0/16' | grep '^-A' | sed 's/^-A/-D/' |
      while IFS= read -r rule; do
        # shellcheck disable=SC2086 # iptables printed it as words
        iptables -t "$table" $rule 2>/dev/null || true
      done
    for chain in $(iptables -t "$table" -S 2>/dev/null | sed -n 's/^-N \(DOCKER.*\)/\1/p'); do
      iptables -t "$table" -F "$chain" 2>/dev/null || true
      iptables -t "$table" -X "$chain" 2>/dev/null || true
    done
  done
  iptables -P FORWARD ACCEPT 2>/dev/null || true
}

remove_packages() {
  packages=$(noted package | tr '\n' ' ')
  [ -n "$packages" ] || return 0
  say "removing the packages it installed"
  export DEBIAN_FRONTEND=noninteractive
  # docker.io is not purged by apt: that may take the user's volumes along.
  # shellcheck disable=SC2086 # a list of packages
  apt-get remove -y $packages >/dev/null 2>&1 || say "apt-get remove failed for: $packages"
  case " $packages" in *' docker.io '*) ;; *) return 0 ;; esac
  if [ -z "$purge" ] && [ -n "$(find /var/lib/docker/volumes -mindepth 1 -maxdepth 1 -type d 2>/dev/null)" ]; then
    say "volumes stay in /var/lib/docker/volumes (--purge removes them)"
  else
    rm -rf /var/lib/docker /var/lib/containerd /etc/docker
  fi
}

# Whole before anything is run, and with nothing to read: it may come from a pipe.
main "$@" </dev/null
