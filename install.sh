#!/bin/sh
# Installs Orca on this machine, starts it, and takes it away again. Safe to run again: it does only what is missing, asks
# nothing, and fails in one line. What it installs or starts it writes down in HOME/install.manifest, so that --uninstall
# removes that and nothing else.
set -eu

usage() {
  cat <<'USAGE'
usage: ./install.sh [--demo] [OPTIONS]          install Orca (and deploy examples/hello), as root
       ./install.sh --uninstall [--purge]       remove it again; --purge removes the volumes of its services too

options (each also from the environment, such as ORCA_HOME; kept for the next run):
  --home DIR            where Orca keeps its state               (/var/lib/orca)
  --listen HOST:PORT    the API                                  (0.0.0.0:6880)
  --http-port N         what Caddy listens on for HTTP           (80)
  --https-port N        what Caddy listens on for HTTPS          (443)
  --docker unix:///PATH the socket of Docker                     (unix:///var/run/docker.sock)
  --advertise ADDRESS   the address of this host for the others
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
  [ "$home" = /var/lib/orca ] || unit=orca-$(printf %s "$home" | cksum | cut -d' ' -f1)
  PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin
  if [ "$action" = uninstall ]; then uninstall; else install; fi
}

read_arguments() {
  action=install demo='' purge=''
  home=${ORCA_HOME:-/var/lib/orca}
  listen=${ORCA_LISTEN:-} http_port=${ORCA_HTTP_PORT:-} https_port=${ORCA_HTTPS_PORT:-}
  docker=${ORCA_DOCKER:-} advertise=${ORCA_ADVERTISE:-}
  while [ $# -gt 0 ]; do
    case $1 in
    --demo) demo=yes ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --home | --listen | --http-port | --https-port | --docker | --advertise)
      [ $# -ge 2 ] || fail "$1 wants a value; see ./install.sh --help"
      case $1 in
      --home) home=$2 ;;
      --listen) listen=$2 ;;
      --http-port) http_port=$2 ;;
      --https-port) https_port=$2 ;;
      --docker) docker=$2 ;;
      --advertise) advertise=$2 ;;
      esac
      shift
      ;;
    --join) fail "--join is not in this version yet: it runs Orca on one machine" ;;
    -h | --help) usage && exit 0 ;;
    *) fail "unknown argument $1; see ./install.sh --help" ;;
    esac
    shift
  done
  case $home in /?*) ;; *) fail "--home wants an absolute path, not '$home'" ;; esac
  home=${home%/}
}

become_root() {
  cd "$(dirname "$0")"
  here=$(pwd -P)
  [ -f "$here/package.json" ] || fail "run it from a checkout of Orca"
  [ "$(id -u)" != 0 ] || return 0
  command -v sudo >/dev/null 2>&1 || fail "it needs root: run it as root (there is no sudo here)"
  exec sudo -E sh "$here/install.sh" "$@"
}

# --- installing -------------------------------------------------------------------------------------------------

install() {
  mkdir -p "$home" "$run" "$home/logs"
  chmod 700 "$home" "$run"
  touch "$manifest"
  remember_options
  install_packages
  find_node
  start_docker
  build
  link
  start_orca
  [ -z "$demo" ] || prepare_demo
  tell
}

# note KIND VALUE: writes down once what --uninstall has to undo.
note() { grep -qxF "$*" "$manifest" || echo "$*" >>"$manifest"; }
noted() { [ ! -f "$manifest" ] || sed -n "s|^$1 ||p" "$manifest"; }

remember_options() {
  options=$home/install.options
  for option in listen http_port https_port docker advertise; do
    eval "value=\$$option"
    [ -n "$value" ] || value=$(sed -n "s|^$option ||p" "$options" 2>/dev/null || true)
    eval "$option=\$value"
    echo "$option $value"
  done >"$options.new"
  # The loop above ran in this shell: the values are set. A changed file means another start.
  changed=
  cmp -s "$options.new" "$options" || changed=yes
  mv "$options.new" "$options"
  : "${docker:=unix:///var/run/docker.sock}"
}

docker_answers() { docker -H "$docker" version >/dev/null 2>&1; }

install_packages() {
  wanted=
  docker_answers || command -v dockerd >/dev/null 2>&1 || wanted="$wanted docker.io"
  command -v caddy >/dev/null 2>&1 || wanted="$wanted caddy"
  command -v git >/dev/null 2>&1 || wanted="$wanted git"
  command -v ip >/dev/null 2>&1 || wanted="$wanted iproute2"
  [ -e /etc/ssl/certs/ca-certificates.crt ] || wanted="$wanted ca-certificates"
  if ! command -v node >/dev/null 2>&1 && [ ! -x "$lib/node_modules/node/bin/node" ]; then
    wanted="$wanted nodejs npm"
  elif ! command -v npm >/dev/null 2>&1 && ! node_is_new_enough node; then
    wanted="$wanted npm"
  fi
  [ -n "$wanted" ] || return 0
  command -v apt-get >/dev/null 2>&1 || fail "missing:$wanted. Without apt-get it can't install them; do, and run this again"
  say "installing$wanted"
  before=$(installed_packages)
  log=$home/logs/apt.log
  export DEBIAN_FRONTEND=noninteractive
  apt-get update >"$log" 2>&1 || fail "apt-get update failed: $(apt_error)"
  # From Debian 13 on the client is a package of its own.
  case $wanted in *docker.io*) ! apt-cache show docker-cli >/dev/null 2>&1 || wanted="$wanted docker-cli" ;; esac
  # shellcheck disable=SC2086 # a list of packages
  apt-get install -y --no-install-recommends iptables $wanted >>"$log" 2>&1 || fail "apt-get install failed: $(apt_error)"
  for package in $(installed_packages); do
    echo "$before" | grep -qxF "$package" || note package "$package"
  done
  # The package starts a Caddy of its own on port 80; Orca runs Caddy itself.
  if noted package | grep -qx caddy && [ -d /run/systemd/system ]; then
    systemctl disable --now caddy >/dev/null 2>&1 || true
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
  newest=$(find shared proxy-config agent master cli package.json -newer dist/.built 2>/dev/null | head -n 1)
  if [ -f dist/.built ] && [ -z "$newest" ]; then return 0; fi
  say "building Orca"
  [ -d dist ] || note folder "$here/dist"
  npm run build >"$log" 2>&1 || fail "the build failed: $(grep -v '^>' "$log" | grep . | head -n 1)"
  touch dist/.built
  changed=yes
}

link() {
  target=$here/dist/cli/orca.js
  chmod +x "$target"
  command=$run/orca
  # A wrapper rather than a bare link: it names the Node that this machine has for Orca.
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node" "$target" >"$command"
  chmod +x "$command"
  if [ ! -e /usr/local/bin/orca ] && [ ! -L /usr/local/bin/orca ]; then
    ln -s "$command" /usr/local/bin/orca
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
  if [ -d /run/systemd/system ]; then start_units; else start_keeper; fi
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

start_keeper() {
  stop_keeper
  # Starts the server again one second after it died, and passes SIGTERM on to it.
  cat >"$run/keep.sh" <<'KEEPER'
#!/bin/sh
run=$1 log=$2
shift 2
stop='' child=''
trap 'stop=yes; kill -TERM "$child" 2>/dev/null' TERM INT
trap '' HUP
while [ -z "$stop" ]; do
  "$@" >>"$log" 2>&1 &
  child=$!
  echo "$child" >"$run/server.pid"
  wait "$child"
  [ -n "$stop" ] || sleep 1
done
wait "$child"
rm -f "$run/server.pid" "$run/keeper.pid"
KEEPER
  : >"$home/logs/server.log"
  server_arguments >"$run/arguments"
  set -- "$run" "$home/logs/server.log" "$node" "$here/dist/cli/main.js" server
  while IFS= read -r argument; do set -- "$@" "$argument"; done <"$run/arguments"
  setsid sh "$run/keep.sh" "$@" </dev/null >/dev/null 2>&1 &
  echo $! >"$run/keeper.pid"
}

# True while the server has not died twice: a setting it refuses will not mend itself.
keeper_runs() {
  keeper=$(cat "$run/keeper.pid" 2>/dev/null) && kill -0 "$keeper" 2>/dev/null || return 1
  deaths=$(grep -c '"code":"\(PORT_TAKEN\|CONFIG_INVALID\|STORE_TOO_NEW\|USAGE\|ALREADY_RUNNING\)"\|^orca: ' "$home/logs/server.log" || true)
  [ "$deaths" -lt 2 ] || { stop_keeper && return 1; }
}

last_words() {
  if [ -d /run/systemd/system ]; then
    journalctl -u "$unit" -n 1 -o cat 2>/dev/null
  else
    tail -n 1 "$home/logs/server.log"
  fi
}

stop_keeper() {
  keeper=$(cat "$run/keeper.pid" 2>/dev/null) || return 0
  tr '\0' ' ' <"/proc/$keeper/cmdline" 2>/dev/null | grep -qF "$run/keep.sh" || return 0
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

# KillMode=process: Caddy and the resolver outlive the program that started them.
start_units() {
  arguments=$(server_arguments | sed 's/[^A-Za-z0-9_.,:\/=@-]/\\&/g' | tr '\n' ' ')
  cat >"/etc/systemd/system/$unit.service" <<UNIT
[Unit]
Description=Orca master ($home)
After=network-online.target docker.service
Wants=network-online.target

[Service]
ExecStart="$node" "$here/dist/cli/main.js" server --no-agent $arguments
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
UNIT
  cat >"/etc/systemd/system/$unit-agent.service" <<UNIT
[Unit]
Description=Orca agent ($home)
After=$unit.service docker.service

[Service]
ExecStart="$node" "$here/dist/cli/main.js" agent --home "$home"
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
UNIT
  note unit "$unit.service"
  note unit "$unit-agent.service"
  systemctl daemon-reload
  systemctl enable "$unit" "$unit-agent" >/dev/null 2>&1
  systemctl restart "$unit" "$unit-agent"
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
  for path in $(noted link); do rm -f "$path"; done
  stop_docker
  remove_packages
  noted folder | while IFS= read -r path; do rm -rf "$path"; done
  say "removing $home"
  rm -rf "$home"
  echo "Orca is gone."
}

stop_orca() {
  say "stopping Orca"
  for name in $(noted unit); do
    systemctl disable --now "$name" >/dev/null 2>&1 || true
    rm -f "/etc/systemd/system/$name"
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

# The master, the agent, what serves names, the resolver and Caddy: programs whose command line names a path in this home.
processes_of_home() {
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    arguments=$(tr '\0' '\n' 2>/dev/null <"$folder/cmdline") || continue
    case $(printf '%s\n' "$arguments" | head -n 1) in *node | *caddy*) ;; *) continue ;; esac
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

main "$@"
