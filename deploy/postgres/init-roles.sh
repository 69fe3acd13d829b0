#!/bin/sh
# Makes the roles of roles.sql in the database container of docker-compose.yml, with passwords from its secret files.
# PostgreSQL's image runs this once, when it makes the database. By hand, as after changing a password, in a container
# beside it, which sees the files as they are now:
#
#   docker compose run --rm --no-deps postgres sh /docker-entrypoint-initdb.d/10-paperclip-roles.sh
set -eu
secrets=/run/secrets

PAPERCLIP_GATEWAY_OWNER_PASSWORD=$(cat "$secrets/gateway_owner_password")
PAPERCLIP_GATEWAY_PASSWORD=$(cat "$secrets/gateway_password")
PAPERCLIP_SECRETS_OWNER_PASSWORD=$(cat "$secrets/secrets_owner_password")
PAPERCLIP_SECRETS_PASSWORD=$(cat "$secrets/secrets_password")
export PAPERCLIP_GATEWAY_OWNER_PASSWORD PAPERCLIP_GATEWAY_PASSWORD
export PAPERCLIP_SECRETS_OWNER_PASSWORD PAPERCLIP_SECRETS_PASSWORD

# Over the socket, where the image trusts its own user; from elsewhere over the private network.
if [ ! -S /var/run/postgresql/.s.PGSQL.5432 ]; then
  PGHOST=postgres PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGHOST PGPASSWORD
fi
psql --no-psqlrc --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-postgres}" \
  --file=/usr/local/share/paperclip/roles.sql
