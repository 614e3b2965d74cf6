#!/usr/bin/env bash
# bench-ab.sh REVISION [FLAGS]: measures this tree against an older revision.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-}
if [ -z "$base" ]; then
  echo "which revision to compare with? make bench-ab BASE=<revision>" >&2
  exit 2
fi
shift
go=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/tree"
git archive "$base" | tar -x -C "$tmp/tree"
(cd "$tmp/tree" && CGO_ENABLED=0 $go build -trimpath -buildvcs=false -o "$tmp/old" .)
CGO_ENABLED=0 $go build -trimpath -buildvcs=false -o "$tmp/new" .
echo "old: $(git rev-parse --short "$base"), new: this tree"
$go run ./bench -ab "$@" "$tmp/old" "$tmp/new"
