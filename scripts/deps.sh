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
  need systemd-analyze systemd
  [ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)
fi

if [ ${#packages[@]} -eq 0 ]; then
  exit 0
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
  case $package in redis-server | nutcracker | stunnel4) ;; *) continue ;; esac
  if command -v systemctl >/dev/null 2>&1; then
    "${root[@]}" systemctl disable --quiet "$package" >/dev/null 2>&1 || true
    if [ -d /run/systemd/system ]; then
      "${root[@]}" systemctl stop --quiet "$package" >/dev/null 2>&1 || true
    fi
  elif command -v update-rc.d >/dev/null 2>&1; then
    "${root[@]}" update-rc.d "$package" disable >/dev/null 2>&1 || true
  fi
done
