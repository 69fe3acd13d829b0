#!/bin/sh
# Makes the secrets that docker-compose.yml hands to its containers as files:
#
#   sh deploy/compose-secrets.sh [folder]        # default: the one that docker-compose.yml takes them from
#   sh deploy/compose-secrets.sh --folder        # prints which one that is, and makes nothing
#
# That is PAPERCLIP_SECRETS_DIR, of the environment or of the `.env` beside docker-compose.yml, or else `secrets` beside
# this script. Needs a POSIX shell and openssl. It creates what is missing and changes nothing that exists, so it
# may run any number of times. Files are 0444 in a folder of 0700: containers run as users the host does not know, each
# is given single files, and on the host the folder keeps everybody else out. No secret is ever an argument, a variable
# or an output.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
passwords='postgres_password gateway_password gateway_owner_password secrets_password secrets_owner_password'
urls='gateway_database_url gateway_migration_url secrets_database_url secrets_migration_url'
keys='internal-keys.json gateway-key.json'
others="$passwords $urls better_auth_secret agent_jwt_secret audit_key $keys"
# Empty but while a rotation is under way: deploy/compose-rotate.sh
formers='master_key_previous agent_jwt_secret_previous'
# Where docker-compose.yml puts the database.
database='@postgres:5432/paperclip'

fail() {
  printf 'compose-secrets: %s\n' "$1" >&2
  exit "${2:-1}"
}

# As compose reads it: the environment wins, the last line of `.env` counts, and a relative path begins at the clone.
configured_folder() {
  if [ -z "${PAPERCLIP_SECRETS_DIR+set}" ] && [ -f "$here/../.env" ]; then
    PAPERCLIP_SECRETS_DIR=$(sed -n -e 's/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}PAPERCLIP_SECRETS_DIR[[:space:]]*=//' \
      -e 't found' -e d -e ':found' -e 's/[[:space:]]#.*//' -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' \
      -e "s/^\\([\"']\\)\\(.*\\)\\1\$/\\2/" -e p "$here/../.env" | tail -n 1)
  fi
  case ${PAPERCLIP_SECRETS_DIR:-} in
  '') printf '%s\n' "$here/secrets" ;;
  /*) printf '%s\n' "$PAPERCLIP_SECRETS_DIR" ;;
  '~/'*) printf '%s\n' "$HOME/${PAPERCLIP_SECRETS_DIR#??}" ;;
  *) printf '%s\n' "${here%/*}/${PAPERCLIP_SECRETS_DIR#./}" ;;
  esac
}

usage='usage: sh deploy/compose-secrets.sh [folder | --folder]'
[ $# -le 1 ] || fail "$usage" 2
case "${1:-}" in
--folder)
  configured_folder
  exit
  ;;
-*) fail "$usage" 2 ;;
esac
command -v openssl >/dev/null 2>&1 || fail 'openssl is needed and was not found: install it.'

folder=${1:-$(configured_folder)}
mkdir -p -- "$folder"
cd -- "$folder"
folder=$(pwd)
chmod 700 .

# Of two runs at once the second would see half of what the first makes.
mkdir .new 2>/dev/null || fail "another run is at work in $folder. If none is, remove $folder/.new and run this again."
trap 'rm -rf .new' EXIT
trap 'exit 1' HUP INT TERM

missing() { [ ! -e "$1" ]; }

# Before anything is made: what cannot be put right by making it anew.
for name in master_key $others; do
  missing "$name" || [ -s "$name" ] || fail "$folder/$name is empty: restore it from a backup. Nothing was changed."
done
if missing master_key; then
  for name in $others; do
    missing "$name" || fail "master_key is missing in $folder, which holds other secrets. A new one would open nothing \
that is stored: restore the old one from a backup. To begin anew without the stored secrets, remove this folder and the \
volume of the database. Nothing was changed."
  done
fi
for user in gateway gateway_owner secrets secrets_owner; do
  case $user in
  *_owner) url=${user%_owner}_migration_url ;;
  *) url=${user}_database_url ;;
  esac
  if missing "${user}_password" && ! missing "$url"; then
    fail "${user}_password is missing in $folder, and $url contains it: restore it from a backup, or write the \
password of $url into it. Nothing was changed."
  fi
done
halves=0
for name in $keys; do
  missing "$name" || halves=$((halves + 1))
done
if [ "$halves" -eq 1 ]; then
  fail "of gateway-key.json and internal-keys.json only one is in $folder: restore both from one backup, or remove \
that one too, so that both are made anew (every internal service then needs a new key). Nothing was changed."
fi

created=''
# Complete, and with its mode, before its name appears.
publish() {
  [ -s ".new/$1" ] || fail "$folder/$1 could not be made: is the disk full?"
  chmod 444 ".new/$1"
  mv ".new/$1" "$1"
  created="$created $1"
}

# 256 random bits without a line end, as hex: safe in a URL, a shell and an SQL literal.
make_hex() {
  openssl rand -hex 32 >.new/random
  tr -d '\n' <.new/random >".new/$1"
  publish "$1"
}

# The same as base64, as the services read keys.
make_base64() {
  openssl rand -base64 32 >.new/random
  tr -d '\n' <.new/random >".new/$1"
  publish "$1"
}

# $1 the file, $2 the role, $3 the file of its password
make_url() {
  { printf 'postgres://%s:' "$2"; tr -d '\n' <"$3"; printf '%s' "$database"; } >".new/$1"
  publish "$1"
}

# A random key of the gateway, twice: what it signs with, and the list that the secrets service checks with.
make_internal_keys() {
  openssl rand -hex 6 >.new/random
  tr -d '\n' <.new/random >.new/id
  openssl rand -base64 32 >.new/random
  tr '+/' '-_' <.new/random | tr -d '=\n' >.new/secret
  { printf '{\n  "id": "gateway-'; cat .new/id; printf '",\n  "secret": "'; cat .new/secret; printf '"\n}\n'; } \
    >.new/gateway-key.json
  {
    printf '{\n  "keys": [\n    {\n      "id": "gateway-'; cat .new/id
    printf '",\n      "caller": "gateway",\n      "secret": "'; cat .new/secret
    printf '",\n      "scopes": [\n        "activity:write"\n      ],\n'
    printf '      "companies": null,\n      "notAfter": null\n    }\n  ]\n}\n'
  } >.new/internal-keys.json
  publish internal-keys.json
  publish gateway-key.json
}

# First, so that a run cut short never leaves others without it.
if missing master_key; then make_base64 master_key; fi
if missing audit_key; then make_base64 audit_key; fi
for name in $passwords better_auth_secret agent_jwt_secret; do
  if missing "$name"; then make_hex "$name"; fi
done
if missing gateway_database_url; then make_url gateway_database_url paperclip_gateway gateway_password; fi
if missing gateway_migration_url; then make_url gateway_migration_url paperclip_gateway_owner gateway_owner_password; fi
if missing secrets_database_url; then make_url secrets_database_url paperclip_secrets secrets_password; fi
if missing secrets_migration_url; then make_url secrets_migration_url paperclip_secrets_owner secrets_owner_password; fi
if missing internal-keys.json; then make_internal_keys; fi
for name in $formers; do
  if missing "$name"; then
    : >".new/$name"
    mv ".new/$name" "$name"
    created="$created $name"
  fi
done

# A restored backup may have brought other modes along.
for name in master_key $others $formers; do chmod 444 "$name"; done
sync

if [ -z "$created" ]; then
  printf 'All secrets are in %s already; nothing was changed.\n' "$folder" >&2
else
  printf 'Made in %s:%s\n' "$folder" "$created" >&2
  printf 'Back this folder up: without master_key no stored secret can be opened again.\n' >&2
fi
