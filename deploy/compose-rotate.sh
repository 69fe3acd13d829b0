#!/bin/sh
# Puts a new key in the place of one that docker-compose.yml hands to its containers, and keeps the former one beside it
# for as long as it is needed. The whole of a rotation, with what comes between: deploy/rotation.md
#
#   sh deploy/compose-rotate.sh master_key prepare|finish|cancel [folder]     # default: as compose-secrets.sh has it
#   sh deploy/compose-rotate.sh agent_jwt_secret prepare|finish|finish-now [folder]
#
# Needs a POSIX shell, openssl, and for the master key a running database, which knows which key wraps what is stored.
# It asks that with `$COMPOSE`, `docker compose` by default. It refuses what would leave something without the key it
# needs, and may be run again after it was cut off. No key is ever an argument, a variable or an output, and no master
# key is ever removed: what is done with goes into the folder `former`, which no container sees.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
usage='usage: sh deploy/compose-rotate.sh master_key prepare|finish|cancel [folder]
       sh deploy/compose-rotate.sh agent_jwt_secret prepare|finish|finish-now [folder]'
# A run token lives up to 24 h.
token_minutes_max=1440

say() { printf '%s\n' "$1" >&2; }

fail() {
  printf 'compose-rotate: %s\n' "$1" >&2
  exit "${2:-1}"
}

[ $# -ge 2 ] && [ $# -le 3 ] || fail "$usage" 2
key=$1 step=$2
case "$key $step" in
'master_key prepare' | 'master_key finish' | 'master_key cancel') ;;
'agent_jwt_secret prepare' | 'agent_jwt_secret finish' | 'agent_jwt_secret finish-now') ;;
*) fail "$usage" 2 ;;
esac
command -v openssl >/dev/null 2>&1 || fail 'openssl is needed and was not found: install it.'

folder=${3:-$(sh "$here/compose-secrets.sh" --folder)}
cd -- "$folder" 2>/dev/null || fail "there is no folder $folder: run deploy/compose-secrets.sh first."
folder=$(pwd)
previous=${key}_previous
# The id of the key that wrapped when a new one was prepared: an id tells nothing about its key.
record=master_key_rotation

[ -s "$key" ] || fail "$folder/$key is missing or empty: restore it from a backup. Nothing was changed."
[ -e "$previous" ] || fail "$folder/$previous is missing: run deploy/compose-secrets.sh. Nothing was changed."

# One at a time, this script and compose-secrets.sh alike.
mkdir .new 2>/dev/null || fail "another run is at work in $folder. If none is, remove $folder/.new and run this again."
trap 'rm -rf .new' EXIT
trap 'exit 1' HUP INT TERM

# Complete, with its mode and on the disk before its name appears, and so is what was put before it: there is no moment
# in which a key is nowhere, not even after a power cut.
put() {
  chmod 444 ".new/$1"
  sync
  mv -f ".new/$1" "$2"
}

put_copy() {
  cp "$1" .new/copy
  cmp -s "$1" .new/copy || fail "$folder could not be written: is the disk full?"
  put copy "$2"
}

put_new() {
  case $key in
  master_key) openssl rand -base64 32 >.new/random ;;
  *) openssl rand -hex 32 >.new/random ;;
  esac
  tr -d '\n' <.new/random >".new/$key"
  [ -s ".new/$key" ] || fail "$folder/$key could not be made: is the disk full?"
  put "$key" "$key"
}

put_nothing() {
  : >.new/nothing
  put nothing "$1"
}

keep() {
  mkdir -p former
  chmod 700 former
  put_copy "$1" "former/$2"
}

is_cut_off() { cmp -s "$key" "$previous"; }

# $1 a statement that gives one value. From a container beside the database, which sees the password as it is now.
ask() {
  # shellcheck disable=SC2016,SC2086 # the inner shell expands; a command may have arguments of its own
  answer=$(cd "$here/.." && ${COMPOSE:-docker compose} run --rm -T --no-deps postgres sh -c '
    export PGHOST=postgres PGUSER=postgres PGDATABASE=paperclip PGPASSWORD="$(cat /run/secrets/postgres_password)"
    exec psql --no-psqlrc --tuples-only --no-align "$@"' sh --command="$1" </dev/null) ||
    fail 'the database does not answer: start it with `docker compose up -d postgres`. Nothing was changed.'
  printf '%s' "$answer" | tr -d '\r'
}

wrapping='from secrets.master_keys where activated_at is not null and retired_at is null'

# What became of the key that wrapped before: `alone` nothing else wraps, `active`, `former`, `retired`.
former_state() {
  [ -s "$record" ] || fail "$folder/$record is missing: restore this folder from one backup. Nothing was changed."
  id=$(tr -dc 'a-z0-9_' <"$record")
  state=$(ask "select case when retired_at is not null then 'retired'
    when id <> (select id $wrapping order by activated_at desc limit 1) then 'former'
    when (select count(*) $wrapping) = 1 then 'alone' else 'active' end
    from secrets.master_keys where id = '$id'")
}

prepare_master_key() {
  ids=$(ask "select string_agg(id, ' ' order by activated_at desc) $wrapping")
  case $ids in
  '') fail 'the secrets service has not started with its master key yet: docker compose up -d. Nothing was changed.' ;;
  *' '*) fail "the former master key is not retired yet: paperclipai master-key retire ${ids##* }. Nothing was changed." ;;
  esac
  printf '%s\n' "$ids" >.new/record
  put record "$record"
}

prepare() {
  if [ -s "$previous" ] && ! is_cut_off; then
    fail "a former $key is still here: finish that first. Nothing was changed."
  fi
  if [ "$key" = master_key ]; then prepare_master_key; fi
  put_copy "$key" "$previous"
  put_new
  sync
  say "$key is a new one, and the one of before is $previous. Back this folder up: $folder"
  if [ "$key" = master_key ]; then
    say 'Next: docker compose restart secrets; paperclipai master-key rotate; paperclipai master-key retire '"$ids"
  else
    say 'Next: docker compose restart gateway; after 24 hours, finish.'
  fi
}

require_prepared() {
  if [ ! -s "$previous" ]; then
    if [ "$key" = master_key ]; then rm -f "$record"; fi
    fail "there is no former $key: nothing is to be finished. Nothing was changed."
  fi
}

finish_master_key() {
  if is_cut_off; then fail 'prepare was cut off: run it again. Nothing was changed.'; fi
  former_state
  case $state in
  retired) ;;
  former) fail "it is not retired yet: paperclipai master-key retire $id. Nothing was changed." ;;
  alone | active) fail "$id still wraps what is stored: docker compose restart secrets, then paperclipai \
master-key rotate. Nothing was changed." ;;
  *) fail "the database does not know $id: is it the one of this folder? Nothing was changed." ;;
  esac
  keep "$previous" "$id"
  put_nothing "$previous"
  rm -f "$record"
  sync
  say "The former key is $folder/former/$id: move it to where the backups are that need it."
  say 'Next: docker compose restart secrets'
}

finish_agent_jwt_secret() {
  if is_cut_off; then fail 'prepare was cut off: run it again. Nothing was changed.'; fi
  if [ "$step" = finish ] && [ -n "$(find "$previous" -mmin "-$token_minutes_max")" ]; then
    fail 'run tokens of the former secret live up to 24 hours, and it was put aside later than that. finish-now ends \
those runs. Nothing was changed.'
  fi
  put_nothing "$previous"
  sync
  say 'The former secret is gone. Next: docker compose restart gateway'
}

cancel() {
  if ! is_cut_off; then
    former_state
    [ "$state" = alone ] || fail "$id is not the only key that wraps: take the rotation back first with paperclipai \
master-key rotate --to $id, and retire the other. Nothing was changed."
    keep "$key" "unused-$(openssl rand -hex 4)"
    put_copy "$previous" "$key"
  fi
  put_nothing "$previous"
  rm -f "$record"
  sync
  say 'The master key is the one of before. Next: docker compose restart secrets'
}

if [ "$step" != prepare ]; then require_prepared; fi
case $step in
prepare) prepare ;;
cancel) cancel ;;
*) "finish_$key" ;;
esac
