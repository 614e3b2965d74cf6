#!/usr/bin/env bash
# build.sh FILE: builds the static program into FILE. The same sources, version
# and release of Go give the same bytes, wherever and whenever. VERSION, GOOS and
# GOARCH choose what else is wanted.
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh FILE}")
cd "$(dirname "$0")/.."
version=$(scripts/version.sh)
CGO_ENABLED=0 ${GO:-go} build -trimpath -buildvcs=false \
  -ldflags "-s -w -buildid= -X ringmain/app.Version=$version" -o "$out" .
