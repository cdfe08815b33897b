#!/bin/sh
# Starts the `conduit` command in place of itself, so that signals reach it. Secrets may come as files:
# what NAME_FILE names is read into NAME.
set -eu

for name in DATABASE_URL REDIS_URL INTERNAL_SECRET DEFAULT_API_KEY ADMIN_API_KEY METRICS_TOKEN; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  if eval "[ -n \"\${$name:-}\" ]"; then
    echo "conduit: ${name} and ${name}_FILE are both set; set one of them" >&2
    exit 78
  fi
  if ! value=$(cat "$file"); then
    echo "conduit: ${name}_FILE: $file cannot be read" >&2
    exit 78
  fi
  export "$name=$value"
  unset "${name}_FILE"
done

here=$(dirname "$0")
exec node "${CONDUIT_COMMAND:-$here/dist/src/cli/conduit.js}" "$@"
