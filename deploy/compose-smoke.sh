#!/bin/sh
# Proves docker-compose.yml from nothing, the way an operator meets it: start, claim from the log, sign up, board key,
# main job; stop, start, the data is there; the command line in its container; then the same behind Caddy, where routes
# that administer are for some networks only.
#
#   sh deploy/compose-smoke.sh            # COMPOSE='docker compose' by default
#
# Needs node on this machine. Uses a project, secrets, ports and image tags of its own, so an existing deployment is
# not touched, and removes all of them at the end but the images, which make the next run fast.
set -eu
umask 077
cd "$(dirname "$0")/.."

project=paperclip-smoke
site=paperclip.localhost
services='postgres gateway-migrate secrets-migrate secrets gateway'
log_seconds_max=120
scratch=$(mktemp -d)

say() { printf '== %s\n' "$*"; }

# Quiet unless it fails.
compose() {
  # shellcheck disable=SC2086 # a command may have arguments of its own
  ${COMPOSE:-docker compose} -f docker-compose.yml -p "$project" "$@"
}
quietly() {
  compose "$@" >>"$scratch/compose.log" 2>&1
}

finish() {
  status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then
    say 'failed; the last lines of compose and of the services:'
    tail -n 20 "$scratch/compose.log" || true
    # The address that claims the instance is worth as much as a password.
    compose logs --tail=40 secrets gateway 2>&1 | sed 's/board-claim[^" ]*/board-claim…/g' | tail -n 80 || true
  fi
  export COMPOSE_PROFILES=tls
  quietly down -v || true
  rm -rf "$scratch"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
  node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# Every variable that docker-compose.yml reads: what a deployment here has set, also in `.env`, must not count.
port=$(free_port) http_port=$(free_port) https_port=$(free_port)
export COMPOSE_PROFILES='' PAPERCLIP_IMAGE_TAG=smoke PAPERCLIP_SECRETS_DIR="$scratch/secrets"
export PAPERCLIP_PORT="127.0.0.1:$port" PAPERCLIP_HTTP_PORT="$http_port" PAPERCLIP_HTTPS_PORT="$https_port"
export PAPERCLIP_DEPLOYMENT_EXPOSURE=private PAPERCLIP_PUBLIC_URL='' PAPERCLIP_ALLOWED_HOSTNAMES=''
export PAPERCLIP_ALLOWED_ORIGINS='' PAPERCLIP_ENABLE_COMPANY_DELETION=false PAPERCLIP_LOG_LEVEL=info
export PAPERCLIP_SECRETS_STRICT_MODE='' TRUST_PROXY='' PAPERCLIP_AUTH_PUBLIC_BASE_URL='' REDIS_URL=''
export PAPERCLIP_API_KEY='' PAPERCLIP_COMPANY_ID=''
# Wherever this machine's requests seem to come from; never the networks of nobody.
export PAPERCLIP_ADMIN_NETWORKS='127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 ::1'
export SMOKE_STATE="$scratch/state.json"

# Prints the newest address that claims the instance, once the gateway has written it.
claim_from_log() {
  waited=0
  while [ "$waited" -lt "$log_seconds_max" ]; do
    claim=$(compose logs gateway 2>/dev/null | grep -o 'http[^" ]*/board-claim/[A-Za-z0-9_-]*?code=[A-Za-z0-9_-]*' | tail -n 1 || true)
    if [ -n "$claim" ]; then
      printf '%s' "$claim"
      return
    fi
    sleep 1
    waited=$((waited + 1))
  done
  echo 'the gateway wrote no address to claim it' >&2
  return 1
}

say 'secrets and images'
sh deploy/compose-secrets.sh "$PAPERCLIP_SECRETS_DIR" 2>>"$scratch/compose.log"
quietly build gateway secrets paperclipai

say 'first start'
# shellcheck disable=SC2086 # a list
quietly up -d $services
SMOKE_CLAIM=$(claim_from_log)
export SMOKE_CLAIM SMOKE_URL="http://localhost:$port"
node deploy/smoke/smoke.mjs first

say 'down and up again'
quietly down
# shellcheck disable=SC2086
quietly up -d $services
node deploy/smoke/smoke.mjs again
PAPERCLIP_API_KEY=$(node -p 'JSON.parse(fs.readFileSync(process.env.SMOKE_STATE)).key') \
  compose run --rm -T --no-deps paperclipai company list >"$scratch/companies.txt" 2>>"$scratch/compose.log"
grep -q Acme "$scratch/companies.txt" || { echo 'the command line in its container lists no company' >&2; exit 1; }
say 'the command line in its container sees the company'

say 'behind Caddy'
quietly down
export COMPOSE_PROFILES=tls PAPERCLIP_DEPLOYMENT_EXPOSURE=public TRUST_PROXY=1
export PAPERCLIP_PUBLIC_URL="https://$site:$https_port"
# shellcheck disable=SC2086
quietly up -d $services caddy
export SMOKE_CA="$scratch/root.crt" SMOKE_URL="$PAPERCLIP_PUBLIC_URL" SMOKE_HTTP_URL="http://$site:$http_port"
waited=0
until compose run --rm -T --no-deps caddy cat /data/caddy/pki/authorities/local/root.crt 2>/dev/null |
  sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' >"$SMOKE_CA" && [ -s "$SMOKE_CA" ]; do
  [ "$waited" -lt 30 ] || { echo 'Caddy made no authority for the local name' >&2; exit 1; }
  sleep 1
  waited=$((waited + 1))
done
node deploy/smoke/smoke.mjs tls

say 'administration from networks of nobody'
export PAPERCLIP_ADMIN_NETWORKS='192.0.2.0/24 2001:db8::/32'
quietly up -d --force-recreate caddy
node deploy/smoke/smoke.mjs refused

say 'all of it works'
