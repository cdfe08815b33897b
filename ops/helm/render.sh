#!/usr/bin/env bash
# Prints the chart as a cluster would get it, with an ingress. test/vectors/helm.yaml is what it prints:
#   ops/helm/render.sh > test/vectors/helm.yaml
set -euo pipefail
cd "$(dirname "$0")/conduit"

echo "# The chart of ops/helm, rendered by ops/helm/render.sh from files whose SHA-256 is $(
  find . -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -d ' ' -f 1
)"
exec helm template conduit . --namespace events --kube-version 1.30.0 \
  --set existingSecret=conduit --set ingress.enabled=true --set ingress.host=events.example.com
