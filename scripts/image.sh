#!/usr/bin/env bash
# image.sh ARCHIVE: builds the container image and writes it to ARCHIVE, a file
# for `podman load`, `docker load` and `kind load image-archive`. IMAGE is its
# name, VERSION and GOARCH as in build.sh, CERTIFICATES the file with those of the
# authorities to trust. It needs no network, and leaves nothing in the machine's own
# store of images. The same inputs give the same layer; around it buildah names a
# container that differs each time.
set -euo pipefail
archive=$(realpath -m "${1:?usage: image.sh ARCHIVE}")
cd "$(dirname "$0")/.."
image=${IMAGE:-localhost/ringmain:latest}
certificates=${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
if [ ! -s "$certificates" ]; then
  echo "image: no certificates in $certificates; install ca-certificates" >&2
  exit 1
fi
if ! command -v buildah >/dev/null 2>&1; then
  echo "image: buildah not found: run \`scripts/deps.sh image\`" >&2
  exit 1
fi

VERSION=$(scripts/version.sh)
GOOS=linux
GOARCH=${GOARCH:-$(${GO:-go} env GOARCH)}
export VERSION GOOS GOARCH

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
umask 022
mkdir "$tmp/context"
scripts/build.sh "$tmp/context/ringmain"
cp "$certificates" "$tmp/context/ca-certificates.crt"
chmod 755 "$tmp/context/ringmain"
chmod 644 "$tmp/context/ca-certificates.crt"

# Nothing is run while building, and the image goes straight into the archive: so
# neither namespaces nor mounts are needed, and this works in a container too.
rm -f "$archive"
buildah --root "$tmp/store" --runroot "$tmp/run" --storage-driver vfs \
  build --quiet --isolation chroot --format docker --timestamp 0 \
  --os linux --arch "$GOARCH" --label "org.opencontainers.image.version=$VERSION" \
  --tag "docker-archive:$archive:$image" --file deploy/Containerfile "$tmp/context" >/dev/null

size=$(stat -c %s "$archive")
echo "$image, version $VERSION for linux/$GOARCH: $((size / 1000000)).$((size / 100000 % 10)) MB in $archive"
