#!/bin/sh
# make-secrets.sh NODES DATABASE MONITORING: what the services of compose.yaml share and nobody else knows, made
# at the first start. A secret that is there stays. Nodes, PostgreSQL, and Prometheus with Grafana have a folder
# each, with what they need.
set -eu

nodes=$1
database=$2
monitoring=$3
mkdir -p "$nodes" "$database" "$monitoring"
# The services that mount a folder have users of their own; nobody else sees it.
umask 022

random() {
  node -e 'process.stdout.write(require("node:crypto").randomBytes(32).toString("base64url"))'
}

# keep FILE TEXT. Written beside and moved: a start that was cut off leaves no half of one.
keep() {
  [ ! -s "$1" ] || return 0
  printf '%s' "$2" >"$1.new"
  mv "$1.new" "$1"
}

keep "$database/postgres_password" "$(random)"
password=$(cat "$database/postgres_password")
keep "$nodes/database_url" "postgres://conduit:$password@${DATABASE_HOST:-postgres:5432}/conduit"
keep "$nodes/internal_secret" "$(random)"
keep "$nodes/default_api_key" "$(random)"
keep "$nodes/admin_api_key" "$(random)"
keep "$nodes/metrics_token" "$(random)"
keep "$monitoring/metrics_token" "$(cat "$nodes/metrics_token")"
keep "$monitoring/grafana_password" "$(random)"
