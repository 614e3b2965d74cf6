#!/usr/bin/env bash
# Prints the version of this tree: VERSION if that is set, else what git says of
# it since its last tag, such as 0.2.0-5-g1fcad0e; else that of the sources.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${VERSION:-}
if [ -z "$version" ] && [ -e .git ]; then
  version=$(git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null || true)
  version=${version#v}
fi
if [ -z "$version" ]; then
  version=$(sed -n 's/^var Version = "\(.*\)"$/\1/p' app/app.go)
fi
if ! [[ $version =~ ^[0-9A-Za-z][0-9A-Za-z.+_-]*$ ]]; then
  echo "version: \"$version\" is none: letters, digits and . + _ - only" >&2
  exit 1
fi
echo "$version"
