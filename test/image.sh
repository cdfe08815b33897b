#!/usr/bin/env bash
# Builds the Dockerfile with buildah on a base made by debootstrap (Debian 13, Node.js 24), where no registry of
# images is reached; starts a node of it, asks it, and ends it. usage: test/image.sh     as root, on Debian or alike
# The base is kept for the next run in CONDUIT_IMAGE_BASE (default ~/.cache/conduit/image-base).
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd -P)
base=${CONDUIT_IMAGE_BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/conduit/image-base}
packages='ca-certificates,libatomic1,libstdc++6'
build=(--isolation chroot --network host --pull=never)

refuse() {
  echo "test/image.sh: $*" >&2
  exit 78
}

[ "$(id -u)" = 0 ] || refuse 'needs root: debootstrap and buildah do'
for program in debootstrap buildah npm git curl; do
  command -v "$program" >/dev/null || refuse "needs $program (Debian: apt-get install $program)"
done

work=$(mktemp -d)
node=
finish() {
  [ -z "$node" ] || kill -KILL "$node" 2>/dev/null || true
  for mounted in tree/proc tree storage/vfs; do umount "$work/$mounted" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap finish EXIT
# The one driver that works everywhere, also in a container; named here, since --root makes buildah forget others' wishes.
storage=(--storage-driver vfs --root "$work/storage" --runroot "$work/run")
in_store() { buildah "${storage[@]}" "$@"; }

if [ ! -d "$base" ]; then
  mkdir -p "$(dirname "$base")"
  rm -rf --one-file-system "$base.part"
  debootstrap --variant=minbase --include="$packages" trixie "$base.part" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >/dev/null
  npm install --silent --global --prefix "$base.part/usr/local" "node-linux-$(node -p process.arch)@24" npm@11
  rm -rf "$base.part"/var/lib/apt/lists/* "$base.part"/var/cache/apt/archives/*.deb
  mv "$base.part" "$base"
fi

# What the base is made of counts once; npm inside trusts whom npm outside does.
container=$(in_store from scratch)
in_store add --quiet "$container" "$base" /
ca=$(npm config get cafile)
[ -f "$ca" ] || ca=/etc/ssl/certs/ca-certificates.crt
in_store add --quiet "$container" "$ca" /etc/ssl/certs/outside.crt
in_store config --env "npm_config_registry=$(npm config get registry)" --env npm_config_cafile=/etc/ssl/certs/outside.crt \
  --env PATH=/usr/local/bin:/usr/bin:/bin "$container"
in_store commit --quiet --rm "$container" localhost/node:24 >/dev/null
git -C "$repository" archive --prefix=source/ HEAD | tar -x -C "$work"

started=$SECONDS
in_store build "${build[@]}" --build-arg NODE_IMAGE=localhost/node:24 --tag localhost/conduit "$work/source"
echo "built in $((SECONDS - started)) s"

# As it would run: its user, its root read-only, its entrypoint.
container=$(in_store from --pull-never localhost/conduit)
image=$(in_store mount "$container")
size() { du -sm --one-file-system "$1" | cut -f1; }
echo "$(($(size "$image") - $(size "$base"))) MB over its base"
user=$(in_store inspect --format '{{.OCIv1.Config.User}}' "$container")
[ "$user" = 1000:1000 ] || refuse "it runs as ${user:-root}"
mkdir "$work/tree"
mount --bind -o ro "$image" "$work/tree"
# Every container has it, and Node.js asks it for its memory.
mount -t proc -o ro,nosuid,nodev,noexec proc "$work/tree/proc"
port=$(node -e 'const s = require("node:net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
chroot --userspec=1000:1000 "$work/tree" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin PORT="$port" HOST=127.0.0.1 \
  /app/entrypoint.sh serve >"$work/output" 2>&1 &
node=$!
asked=$SECONDS
until curl --silent --fail "http://127.0.0.1:$port/readyz" >/dev/null; do
  [ $((SECONDS - asked)) -lt 30 ] || { cat "$work/output" >&2; refuse 'it does not answer'; }
  sleep 0.1
done
chroot --userspec=1000:1000 "$work/tree" /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin PORT="$port" node /app/health.mjs
json='Content-Type: application/json'
curl --silent --fail -H "$json" -d '{"name":"demo"}' "http://127.0.0.1:$port/api/topics"
curl --silent --fail -H "$json" -d '{"topic":"demo","payload":1}' "http://127.0.0.1:$port/api/publish"
kill -TERM "$node"
code=0
wait "$node" || code=$?
node=
umount "$work/tree/proc" "$work/tree"
[ "$code" = 0 ] || refuse "SIGTERM: it ended with $code"
echo
echo 'the image: passed'
