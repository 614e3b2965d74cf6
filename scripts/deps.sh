#!/usr/bin/env bash
# deps.sh [image]: installs what building and testing need besides Go, or what
# the container image needs alone, on Debian and its relatives. It does nothing,
# quickly, where everything is there. No service is left running or enabled by it
# that was not there before.
set -euo pipefail

packages=()
need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || packages+=("$2")
}
need_file() { # need_file PATTERN PACKAGE
  compgen -G "$1" >/dev/null || packages+=("$2")
}
need buildah buildah
[ -s "${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}" ] || packages+=(ca-certificates)
if [ "${1:-}" != image ]; then
  need make make
  need gcc gcc
  need git git
  need nc netcat-openbsd
  need redis-server redis-server
  need redis-cli redis-tools
  need redis-benchmark redis-tools
  need nutcracker nutcracker
  need stunnel4 stunnel4
  need etcd etcd-server
  need systemd-analyze systemd
  [ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)
  # The clients that the tests try, with Debian's own interpreters.
  need_file /usr/bin/python3 python3
  need_file /usr/lib/python3/dist-packages/redis python3-redis
  need_file /usr/bin/ruby ruby
  need_file '/usr/share/rubygems-integration/all/gems/redis-*' ruby-redis
  need_file /usr/bin/php php-cli
  need_file '/usr/lib/php/*/redis.so' php-redis
  need_file /usr/share/php/Malkusch/Lock php-malkusch-lock
  need_file /usr/share/php/Illuminate/Cache php-illuminate-cache
  need_file /usr/share/php/Illuminate/Redis php-illuminate-redis
  need_file /usr/include/hiredis/hiredis.h libhiredis-dev
  need node nodejs
  need npm npm
fi

# npm_ci FOLDER installs what a lock file says, unless that was done before.
npm_ci() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
  echo "deps: installing Node packages into $1"
  (cd "$1" && npm ci --no-progress --loglevel=error </dev/null)
  cp "$1/package-lock.json" "$1/node_modules/.installed"
}

# node_clients installs the Node clients, and a Node of their own if the system's is
# too old for them.
node_clients() {
  local clients
  clients="$(dirname "$0")/../integration/clients/node"
  npm_ci "$clients"
  if [ "$(node --version | sed -E 's/^v([0-9]+).*/\1/')" -lt 20 ]; then
    npm_ci "$clients/runtime"
  fi
}

finish() {
  if [ "${1:-}" != image ]; then node_clients; fi
  exit 0
}

if [ ${#packages[@]} -eq 0 ]; then
  finish "$@"
fi
mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)

cannot() {
  echo "deps: missing: ${packages[*]}" >&2
  echo "deps: $1; please install them yourself" >&2
  exit 1
}
command -v apt-get >/dev/null 2>&1 || cannot "this system has no apt-get"
root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || cannot "installing needs root, and there is no sudo"
  sudo -n true 2>/dev/null || [ -t 0 ] || cannot "sudo needs a password, and there is no terminal to ask for it"
  root=(sudo)
fi

# Debian starts a service when its package is installed. policy-rc.d forbids
# that for as long as we install; one that is there already is left as it is.
policy=/usr/sbin/policy-rc.d
policy_is_ours=
restore() {
  if [ -n "$policy_is_ours" ]; then "${root[@]}" rm -f "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
  policy_is_ours=yes
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
fi

echo "deps: installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get update -qq </dev/null
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null

# What was installed just now shall not start with the machine either. A service
# that the user had before is not among the packages, and stays as it is.
for package in "${packages[@]}"; do
  case $package in
    redis-server | nutcracker | stunnel4) service=$package ;;
    etcd-server) service=etcd ;;
    *) continue ;;
  esac
  if command -v systemctl >/dev/null 2>&1; then
    "${root[@]}" systemctl disable --quiet "$service" >/dev/null 2>&1 || true
    if [ -d /run/systemd/system ]; then
      "${root[@]}" systemctl stop --quiet "$service" >/dev/null 2>&1 || true
    fi
  elif command -v update-rc.d >/dev/null 2>&1; then
    "${root[@]}" update-rc.d "$service" disable >/dev/null 2>&1 || true
  fi
done

finish "$@"
