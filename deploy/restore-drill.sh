#!/bin/sh
# Proves a backup before it is needed: makes an installation of it in a place of its own, starts it, has doctor look at
# it, opens every stored value, lets a run of an agent resolve, and takes all of it away again. What runs here meanwhile
# is not touched, and no value is shown. A backup in which there is nothing to open proves nothing, and fails.
#
#   sh deploy/restore-drill.sh BACKUP [AGENT [COMPANY-ID]]
#
# BACKUP is a folder with `keys` and either `database` (of `paperclipai backup create`) or `database.dump` (of compose;
# COMPOSE='docker compose' by default). Of AGENT, the values that a run gets from the backup are compared with those that a
# run gets from the instance that is running; for that, the command line is signed in there. deploy/backup.md
set -eu
umask 077

usage='usage: sh deploy/restore-drill.sh BACKUP [AGENT [COMPANY-ID]]'
case "${1:-}" in
'' | -*) echo "$usage" >&2 && exit 2 ;;
esac
[ $# -le 3 ] || { echo "$usage" >&2 && exit 2; }
[ -d "$1/keys" ] || { echo "restore-drill: there is no $1/keys: put both parts of the backup beside each other." >&2 && exit 2; }
backup=$(cd "$1" && pwd)
agent=${2:-}
company=${3:-}
cd "$(dirname "$0")/.."

ready_seconds_max=120
# Of this drill alone: neither the project that runs here nor another drill has its name.
project="paperclip-drill-$(openssl rand -hex 6)"
scratch=$(mktemp -d)
launcher=''
data_dir=''
is_compose=''

say() { printf '== %s\n' "$*"; }
paperclipai() { node services/cli/bin/paperclipai.js "$@"; }
compose() {
  # shellcheck disable=SC2086 # a command may have arguments of its own
  ${COMPOSE:-docker compose} -f docker-compose.yml -p "$project" "$@"
}
# Quiet unless it fails.
quietly() { "$@" >>"$scratch/log" 2>&1; }

finish() {
  status=$?
  trap - EXIT
  if [ "$status" -ne 0 ] && [ -s "$scratch/log" ]; then
    say 'the drill failed; the last lines of what was started:'
    tail -n 20 "$scratch/log" | sed 's/board-claim[^" ]*/board-claim…/g'
  fi
  if [ -n "$launcher" ]; then
    kill -INT "$launcher" 2>/dev/null || true
    wait "$launcher" 2>/dev/null || true
  fi
  # Containers that a command was run in, if one was cut off; as a variable, since not every compose knows the flag.
  export COMPOSE_REMOVE_ORPHANS=true
  if [ -n "$is_compose" ] && ! quietly compose down -v; then
    say "the drill's containers could not be removed, and its database is a copy of the backup: remove the project $project"
    [ "$status" -ne 0 ] || status=1
  fi
  # Root's copy lies where the server's user can reach it, in a folder that is named after the scratch folder.
  case $data_dir in
  "$scratch"/*) ;;
  /*/*) rm -rf "$(dirname "$data_dir")" ;;
  esac
  rm -rf "$scratch"
  exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Bound only after the database is restored, so none of those that the system hands out meanwhile (Linux: from 32768).
free_port() {
  node -e '
    let tries = 100
    const attempt = (error) => {
      if (tries-- === 0) throw error
      const port = 11_000 + Math.floor(Math.random() * 21_000)
      const server = require("node:net").createServer().on("error", attempt)
      server.listen(port, "127.0.0.1", () => { console.log(port); server.close() })
    }
    attempt()'
}

# A digest of what a run of the agent gets, under a key of this drill alone; how many, and never a value.
values_of() {
  # shellcheck disable=SC2086 # absent without a company
  paperclipai agent run "$agent" ${company:+--company-id "$company"} -- node -e '
    const { createHmac } = require("node:crypto")
    const usual = /^(?:PAPERCLIP_.*|LC_.*|PATH|HOME|USER|LOGNAME|SHELL|LANG|TERM|TZ|TMPDIR|PWD|SHLVL|_)$/
    const values = Object.entries(process.env).filter(([name]) => !usual.test(name)).sort()
    const digest = createHmac("sha256", process.argv[1]).update(JSON.stringify(values)).digest("hex")
    console.log(`${values.length} ${digest}`)' "$salt"
}

# Nothing of the real installation may reach the drill: not its database, not its settings, and no credentials of AWS,
# or deletions that were pending at the time of the backup would be carried out there.
leave_installation() {
  for name in $(env | sed -nE 's/^((PAPERCLIP|AWS|DATABASE|REDIS|COMPOSE)_[A-Z0-9_]*)=.*/\1/p'); do
    case $name in
    PAPERCLIP_SECRETS_MASTER_KEY* | PAPERCLIP_IMAGE_TAG | PAPERCLIP_POSTGRES_USER) ;;
    *) unset "$name" ;;
    esac
  done
  unset BETTER_AUTH_SECRET BETTER_AUTH_SECRET_FILE HOST PORT TRUST_PROXY
  export HOME="$scratch" AWS_EC2_METADATA_DISABLED=true
}

# Reads what the check of the stored values said. Where nothing was opened, neither keys nor database are proved: the backup
# may be one of an empty installation, or of the wrong one.
judge_values() {
  if ! counted=$(grep '^stored values that open' "$scratch/checked"); then
    cat "$scratch/checked" >>"$scratch/log"
    return 1
  fi
  echo "$counted"
  case $counted in
  *'that do not open'*) return 1 ;;
  *': 0 of secrets, 0 of environments;'*'at a provider,'*)
    say 'WARNING: all values lie at a provider, which was not asked: no key was proved by opening one'
    ;;
  *': 0 of secrets, 0 of environments'*)
    say 'this proves nothing: no stored value was there to be opened. Is it a backup of the right installation?'
    return 1
    ;;
  esac
}

compare_runs() {
  [ -n "$agent" ] || return 0
  drilled=$(values_of)
  say "a run of $agent resolves ${drilled% *} values"
  if [ "${drilled% *}" = 0 ]; then
    say 'this compares nothing: name an agent whose runs get values'
    return 1
  fi
  if [ "$drilled" = "$now" ]; then
    say 'the same as a run of the instance that is running'
  else
    say 'NOT the same as a run of the instance that is running: were they changed since the backup?'
    return 1
  fi
}

drill_instance() {
  leave_installation
  port=$(free_port)
  PAPERCLIP_SECRETS_PORT=$(free_port)
  export PORT="$port" PAPERCLIP_SECRETS_PORT PAPERCLIP_HOME="$scratch/home"
  say 'restoring'
  data_dir=$(paperclipai backup restore "$backup" --json 2>>"$scratch/log" |
    node -p 'JSON.parse(require("node:fs").readFileSync(0, "utf8")).dataDir')
  # Its settings name addresses and places of the real installation: here it is on loopback, for who started it.
  rm -f "$scratch/home/instances/default/config.json"
  sed -E '/^(export )?(DATABASE_|PAPERCLIP_SECRETS_DATABASE_|REDIS_|AWS_)/d' "$scratch/home/instances/default/.env" >"$scratch/env"
  mv "$scratch/env" "$scratch/home/instances/default/.env"
  say 'starting'
  node services/cli/bin/paperclipai.js run >>"$scratch/log" 2>&1 &
  launcher=$!
  waited=0
  until grep -q 'paperclip is ready' "$scratch/log"; do
    kill -0 "$launcher" 2>/dev/null || { launcher='' && return 1; }
    [ "$waited" -lt "$ready_seconds_max" ] || { echo 'it does not become ready' >&2 && return 1; }
    sleep 1
    waited=$((waited + 1))
  done
  say 'doctor'
  paperclipai doctor
  say 'opening every stored value'
  paperclipai master-key check >"$scratch/checked" || { cat "$scratch/checked" && return 1; }
  judge_values
  compare_runs
}

drill_compose() {
  is_compose=yes
  cp -R "$backup/keys" "$scratch/keys"
  key=${PAPERCLIP_API_KEY:-}
  leave_installation
  [ -z "$key" ] || export PAPERCLIP_API_KEY="$key"
  # What docker-compose.yml reads from `.env` beside it must not count either.
  port=$(free_port)
  export COMPOSE_PROFILES='' PAPERCLIP_SECRETS_DIR="$scratch/keys" PAPERCLIP_PORT="127.0.0.1:$port"
  export PAPERCLIP_DEPLOYMENT_EXPOSURE=private PAPERCLIP_PUBLIC_URL='' PAPERCLIP_ALLOWED_HOSTNAMES=''
  export PAPERCLIP_ALLOWED_ORIGINS='' PAPERCLIP_ENABLE_COMPANY_DELETION=false TRUST_PROXY=''
  export PAPERCLIP_AUTH_PUBLIC_BASE_URL='' REDIS_URL=''
  quietly sh deploy/compose-secrets.sh "$scratch/keys"
  say "restoring, as the project $project"
  quietly compose up -d postgres
  # The command says itself that it has ended well: not every implementation of compose passes its status on.
  compose run --rm -T --no-deps postgres sh -c '
    export PGHOST=postgres PGUSER=postgres PGPASSWORD="$(cat /run/secrets/postgres_password)"
    until pg_isready --quiet --dbname=paperclip || [ "${waited:=0}" -ge "$1" ]; do sleep 1; waited=$((waited + 1)); done
    pg_restore --dbname=paperclip --clean --if-exists --exit-on-error && echo the dump is restored' sh "$ready_seconds_max" \
    <"$backup/database.dump" >"$scratch/restored" 2>&1 || true
  cat "$scratch/restored" >>"$scratch/log"
  grep -q '^the dump is restored' "$scratch/restored" || { echo 'the dump could not be restored' >&2 && return 1; }
  say 'starting'
  quietly compose up -d gateway-migrate secrets-migrate secrets gateway
  waited=0
  until health=$(node -e '
    fetch(process.argv[1]).then(async (reply) => {
      const { status } = await reply.json()
      if (status !== "ok") process.exit(1)
      console.log(status)
    }, () => process.exit(1))' "http://127.0.0.1:$port/api/health"); do
    [ "$waited" -lt "$ready_seconds_max" ] || { echo 'the gateway does not become healthy' >&2 && return 1; }
    sleep 1
    waited=$((waited + 1))
  done
  say "health: $health"
  say 'opening every stored value'
  compose run --rm -T --no-deps secrets services/secrets/dist/bin/check-values.js >"$scratch/checked" 2>>"$scratch/log" || true
  judge_values
  export PAPERCLIP_API_URL="http://127.0.0.1:$port"
  compare_runs
}

salt=$(openssl rand -hex 32)
now=''
if [ -n "$agent" ]; then now=$(values_of); fi
if [ -e "$backup/database.dump" ]; then drill_compose; else drill_instance; fi
say 'the backup restores'
