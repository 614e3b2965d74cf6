#!/usr/bin/env bash
# Fails, with their names, if Go files are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
  echo "not formatted (gofmt -w FILE):" >&2
  echo "$unformatted" >&2
  exit 1
fi
