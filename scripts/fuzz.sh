#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME, one after another.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:?usage: fuzz.sh TIME, such as 10m}
go=${GO:-go}
found=0
for package in $($go list ./...); do
  targets=$($go test -list '^Fuzz' "$package" | grep '^Fuzz' || true)
  for target in $targets; do
    found=$((found + 1))
    echo "fuzzing $package $target for $fuzztime"
    $go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" "$package"
  done
done
echo "$found fuzz targets"
