#!/bin/sh
# kill-nodes.sh [seconds]: kills a node of compose.yaml every 20 s, in turn, and starts it again 5 s later;
# for node-failure.js.
set -eu

cd "$(dirname "$0")/../.."
until=$(($(date +%s) + ${1:-180}))
node=server-1
while [ "$(date +%s)" -lt "$until" ]; do
  sleep 15
  echo "killing $node"
  docker compose kill --signal SIGKILL "$node"
  sleep 5
  docker compose up --detach --no-deps "$node"
  if [ "$node" = server-1 ]; then node=server-2; else node=server-1; fi
done
