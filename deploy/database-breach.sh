#!/bin/sh
# Takes the value out of a stolen database: ends what it could open, and replaces what it told.
#
#   sh deploy/database-breach.sh --out <folder> [--close-runs] [--keys-out <folder>] [--dry-run] [--yes]
#
# As an instance admin who is signed in on the command line (`paperclipai auth login --admin`). What it does, in this
# order: ends all sessions and revokes all board keys and open invites, so that nobody makes anything new meanwhile;
# replaces all agent keys; replaces the master key; lists what must be renewed at its source if the master key was taken
# too; revokes the key that it was itself signed in with. deploy/incidents.md says what to do before and after.
#
# Cut off at any moment, the same command with the same folder goes on. The folder is for its owner alone; new agent keys
# lie in it as files and are never shown. Standard output is the list of secrets; all else goes to standard error.
#
#   --out         a folder that is not there yet, or of a run that was cut off
#   --close-runs  also end all open runs: if somebody may have written to the database, theirs may be among them
#   --keys-out    where the command line writes the new agent keys, when it sees other folders than this script does
#   --dry-run     only say what would be done
#   --yes         do not ask
#
# PAPERCLIPAI: how to call the command line, when it is not the one of this clone.
# PAPERCLIP_PREPARE, PAPERCLIP_RESTART: commands that bring a new master key beside the old one, and that restart the
# secrets service. With compose: `sh deploy/compose-rotate.sh master_key prepare`, `docker compose restart secrets`. An
# instance of `npm start` needs no first one. Without the second, the script ends with status 3 when it is your turn to
# restart, and goes on when it is called again.
#
# Exit: 0 done, 1 failed (call it again), 2 misused (nothing was changed), 3 it is your turn (then call it again).
set -u
umask 077

here=$(cd "$(dirname "$0")" && pwd)
# A process of the secrets service that was killed counts as alive for 30 s, and a restart takes its time.
holders_wait_seconds=120
steps=5

say() { printf 'database-breach: %s\n' "$*" >&2; }
fail() {
  say "$1"
  exit "${2:-1}"
}
usage() { fail "$1; see the head of this script" 2; }
# What it is called by may be several words, which are to be split.
# shellcheck disable=SC2086
if [ -n "${PAPERCLIPAI:-}" ]; then
  paperclipai() { $PAPERCLIPAI "$@" </dev/null; }
else
  paperclipai() { "$here/../node_modules/.bin/paperclipai" "$@" </dev/null; }
fi

out='' keys_out='' dry_run='' yes='' close_runs=''
while [ $# -gt 0 ]; do
  case $1 in
  --out | --keys-out)
    [ $# -ge 2 ] && [ -n "$2" ] || usage "$1 wants a folder"
    if [ "$1" = --out ]; then out=$2; else keys_out=$2; fi
    shift
    ;;
  --dry-run) dry_run=yes ;;
  --close-runs) close_runs=--close-runs ;;
  --yes) yes=yes ;;
  *) usage 'that is no flag of this script' ;;
  esac
  shift
done
[ -n "$out$dry_run" ] || usage '--out is missing'

# What `master-key status` says: the ids of keys in a state, and the one that waits in the hands of a process.
read_status() { status=$(paperclipai master-key status); }
keys_in_state() { printf '%s\n' "$status" | awk -v state="$1" '$1 ~ /^mk_/ && $2 == state { print $1 }'; }
is_key_id() { printf '%s\n' "$1" | grep -Eqx 'mk_[0-9a-f]{16}' && [ "$(printf '%s\n' "$1" | wc -l)" -eq 1 ]; }
waiting_key() { printf '%s\n' "$status" | awk '$1 ~ /^mk_/ && $2 == "waiting" && $4 > 0 { print $1; exit }'; }

if [ -z "$dry_run" ]; then
  # Whoever owns it could have laid out steps that were never done, or links to what we would write.
  if [ -e "$out" ] || [ -h "$out" ]; then
    [ -n "$(find -H "$out" -prune -user "$(id -u)")" ] || fail "$out belongs to somebody else: name another folder" 2
  fi
  if [ -e "$out" ] && [ ! -d "$out/steps" ]; then
    [ -d "$out" ] && [ -z "$(ls -A "$out")" ] || fail "$out is there and not of this script: name another folder" 2
  fi
  if [ -s "$out/steps/5" ]; then
    say "all steps were done before, until $(cat "$out/steps/5"); what may have to be renewed is in $out/exposed-secrets.txt"
    say 'for another breach name another folder'
    exit 0
  fi
  [ -d "$out/steps" ] || [ -n "$yes" ] || [ -t 0 ] || usage 'without a terminal this wants --yes'
fi

who=$(paperclipai auth whoami 2>&1) || {
  # The last step revokes the key that this calls with.
  if [ -n "$out" ] && [ -s "$out/steps/own-key-begun" ] &&
    printf '%s\n' "$who" | grep -Eq '\((credential_revoked|unauthenticated)\)'; then
    say "all steps were done before; what may have to be renewed is in $out/exposed-secrets.txt"
    exit 0
  fi
  printf '%s\n' "$who" >&2
  fail 'nothing was changed. This takes an instance admin who is signed in: `paperclipai auth login --admin`'
}
printf '%s\n' "$who" | grep -Eq '^instance admin +yes$' ||
  fail 'nothing was changed. This takes an instance admin: `paperclipai auth login --admin`'

if [ -n "$dry_run" ]; then
  say "signed in as an instance admin; nothing is changed by --dry-run"
  people=$(paperclipai user list --limit 100000) || exit 1
  say "1/$steps end the sessions and revoke the board keys of $(($(printf '%s\n' "$people" | wc -l) - 1)) people, and all open invites"
  say "2/$steps replace these agent keys:"
  paperclipai agent rotate-keys --all-companies --dry-run >&2 || exit 1
  read_status || exit 1
  say "3/$steps replace the master key $(keys_in_state active), with a restart, and retire it"
  say "4/$steps list the secrets whose values lie in the database:"
  paperclipai secrets exposed --all-companies || exit 1
  say "5/$steps revoke the key that this command line is signed in with"
  exit 0
fi

if [ ! -d "$out/steps" ] && [ -z "$yes" ]; then
  say 'this signs everybody out, replaces every agent key and the master key, and needs a restart.'
  say 'Agents stop working until they have their new keys. `--dry-run` says more.'
  printf 'Type yes to begin: ' >&2
  read -r answer
  [ "$answer" = yes ] || fail 'declined; nothing was changed'
fi
mkdir -p "$out/steps" && chmod 700 "$out" "$out/steps" || fail "$out cannot be made"
out=$(cd "$out" && pwd) || exit 1
: "${keys_out:=$out/keys}"

# One at a time. A number that was left behind by one that was killed is nobody's, or another program's by now.
if [ -s "$out/pid" ] && other=$(cat "$out/pid") && [ "$other" != $$ ] && kill -0 "$other" 2>/dev/null; then
  fail "process $other is at work in $out; if it is another program, remove $out/pid"
fi
printf '%s' $$ >"$out/pid"
trap 'rm -f "$out/pid"' EXIT
trap 'say "cut off; the same command goes on"; exit 1' HUP INT TERM

is_done() { [ -s "$out/steps/$1" ]; }
# The name appears when the content is on the disk: a step that a power cut left without its content was not done.
keep() {
  printf '%s\n' "$2" >"$out/steps/.new" && sync && mv "$out/steps/.new" "$out/steps/$1" && sync ||
    fail "$out cannot be written"
}
finish() { keep "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"; }
stop_here() { fail "step $1 of $steps failed; the steps before it are done, and the same command goes on here"; }

if is_done 1; then say "1/$steps sessions, board keys and invites: done before"; else
  say "1/$steps ending all sessions, revoking all board keys but this one, and all open invites"
  paperclipai user end-sessions --all --yes || stop_here 1
  paperclipai user revoke-keys --all --yes || stop_here 1
  paperclipai invite revoke --all --all-companies || stop_here 1
  finish 1
fi

if is_done 2; then say "2/$steps agent keys: done before"; else
  say "2/$steps replacing all agent keys"
  # shellcheck disable=SC2086
  paperclipai agent rotate-keys --all-companies --out "$keys_out" $close_runs --yes >"$out/.keys" || stop_here 2
  mv "$out/.keys" "$out/agent-keys.txt"
  say "which key is for whom: $out/agent-keys.txt"
  finish 2
fi

# Leaves with 3 when somebody must restart what cannot be restarted from here.
restart() {
  if [ -z "${PAPERCLIP_RESTART:-}" ]; then
    fail "now it is your turn: $1, then call this again with --out $out" 3
  fi
  say "restarting: $PAPERCLIP_RESTART"
  sh -c "$PAPERCLIP_RESTART" >&2 </dev/null || stop_here 3
}

# Every process must hold the key before it may wrap; `rotate` itself judges that.
rotate_when_held() {
  waited=0
  until paperclipai master-key rotate "$@" >"$out/.rotation" 2>&1; do
    [ "$waited" -lt "$holders_wait_seconds" ] || { cat "$out/.rotation" >&2; stop_here 3; }
    [ "$waited" -gt 0 ] || say 'waiting until every process of the secrets service has the new key'
    sleep 3
    waited=$((waited + 3))
  done
  cat "$out/.rotation" >&2
  rm -f "$out/.rotation"
}

# What a former rotation, or ours, has left: nothing is wrapped by these keys any more, and nothing shall be opened.
retire_former() {
  for key in $(keys_in_state former); do
    paperclipai master-key retire "$key" --yes >&2 || stop_here 3
  done
}

prepare_key() {
  if [ -n "${PAPERCLIP_PREPARE:-}" ]; then sh -c "$PAPERCLIP_PREPARE" >&2 </dev/null; else paperclipai master-key rotate --prepare >&2; fi
}

# A new key beside the old one, in the hands of a process.
bring_new_key() {
  if is_done key-prepared; then
    restart 'restart the instance, so that it reads the new master key'
  elif prepare_key; then
    finish key-prepared
    restart 'back up the new master key and restart the instance'
  else
    restart 'restart the instance with a new master key beside the old one (deploy/rotation.md)'
  fi
  await_waiting_key
}

await_waiting_key() {
  waited=0
  while [ "$waited" -lt "$holders_wait_seconds" ]; do
    if read_status 2>/dev/null && [ -n "$(waiting_key)" ]; then return; fi
    sleep 3
    waited=$((waited + 3))
  done
  say 'no process of the secrets service has read a new key yet'
  stop_here 3
}

if is_done 3; then say "3/$steps master key: done before"; else
  say "3/$steps replacing the master key"
  read_status || stop_here 3
  active=$(keys_in_state active)
  is_key_id "$active" || { say '`master-key status` shows no active key' && stop_here 3; }
  # What is no id says nothing of what was done: the key of now is replaced then.
  former=$(cat "$out/steps/former-key" 2>/dev/null) && is_key_id "$former" || {
    former=$active
    keep former-key "$former"
  }
  if [ "$active" = "$former" ]; then
    if [ -z "$(waiting_key)" ]; then
      if [ -n "$(keys_in_state former)" ]; then
        say 'finishing a rotation of before'
        rotate_when_held --to "$active"
        retire_former
      fi
      bring_new_key
    fi
    say "rotating to $(waiting_key)"
    rotate_when_held --to "$(waiting_key)"
  else
    rotate_when_held
  fi
  read_status || stop_here 3
  active=$(keys_in_state active)
  is_key_id "$active" && [ "$active" != "$former" ] || stop_here 3
  retire_former
  finish 3
fi

if is_done 4; then say "4/$steps list of secrets: done before"; else
  say "4/$steps listing the secrets whose values lie in the database"
  paperclipai secrets exposed --all-companies >"$out/.exposed" 2>"$out/.said" || {
    cat "$out/.said" >&2
    stop_here 4
  }
  rm -f "$out/.said"
  mv "$out/.exposed" "$out/exposed-secrets.txt"
  finish 4
fi

say "5/$steps revoking the key that this command line is signed in with"
finish own-key-begun
paperclipai user revoke-keys --this || stop_here 5
finish 5

cat "$out/exposed-secrets.txt"
say 'done. From the stolen database nothing opens this instance any more.'
say "The former master key $(cat "$out/steps/former-key") is retired: move its file to the backups that still need it."
say 'The list above: if the master key was taken too, these values were read. Renew each where it was issued'
say "(also in $out/exposed-secrets.txt)."
say 'Left for you, in this order (deploy/incidents.md):'
say '  - sign in again: `paperclipai auth login --admin`'
say "  - give each agent its key, from $keys_out; then remove that folder"
say '  - have everybody change their password, whose hash was in the database'
say '  - change the passwords of the database (deploy/rotation.md)'
say '  - look through `paperclipai user list`, `audit list --instance` and `audit list` for what nobody of you did'
