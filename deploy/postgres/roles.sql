-- Makes the four database roles and the two schemas by hand, as `npm start` does where it may. Needs psql 15 or newer
-- and a role that may create roles and schemas. Changes nothing that exists but the passwords of these four roles, so
-- it can run again. How to run it: README.md in this folder.
--
--   paperclip_gateway_owner  owns schema gateway, migrates it        paperclip_gateway  runs the gateway
--   paperclip_secrets_owner  owns schema secrets, migrates it        paperclip_secrets  runs the secrets service
--
-- A runtime role gets its privileges from the migration, table by table. It can neither alter a table nor change or
-- remove what was recorded.
\set ON_ERROR_STOP on
\set QUIET on

-- Each password comes from a psql variable, or from the environment variable of the same name in capitals.
\if :{?paperclip_gateway_owner_password}
\else
  \getenv paperclip_gateway_owner_password PAPERCLIP_GATEWAY_OWNER_PASSWORD
\endif
\if :{?paperclip_gateway_password}
\else
  \getenv paperclip_gateway_password PAPERCLIP_GATEWAY_PASSWORD
\endif
\if :{?paperclip_secrets_owner_password}
\else
  \getenv paperclip_secrets_owner_password PAPERCLIP_SECRETS_OWNER_PASSWORD
\endif
\if :{?paperclip_secrets_password}
\else
  \getenv paperclip_secrets_password PAPERCLIP_SECRETS_PASSWORD
\endif

\set incomplete true
\if :{?paperclip_gateway_owner_password}
  \if :{?paperclip_gateway_password}
    \if :{?paperclip_secrets_owner_password}
      \if :{?paperclip_secrets_password}
        \set incomplete false
      \endif
    \endif
  \endif
\endif
\if :incomplete
  do $$ begin
    raise exception 'a password is missing: set paperclip_{gateway,secrets}[_owner]_password';
  end $$;
\endif

begin;
-- Passwords must not reach the server's log, neither as statements nor with an error. A role that may not change
-- these settings leaves them as they are.
select format('set local %s', setting)
from (values ('log_statement = none'), ('log_min_error_statement = panic'), ('log_min_duration_statement = -1')) as s (setting)
where (select rolsuper from pg_roles where rolname = current_user)
\gexec
set local password_encryption = 'scram-sha-256';

select format('create role %I login', wanted.name)
from (values ('paperclip_gateway_owner'), ('paperclip_gateway'), ('paperclip_secrets_owner'), ('paperclip_secrets'))
  as wanted (name)
where not exists (select from pg_roles where rolname = wanted.name)
\gexec

alter role paperclip_gateway_owner password :'paperclip_gateway_owner_password';
alter role paperclip_gateway password :'paperclip_gateway_password';
alter role paperclip_secrets_owner password :'paperclip_secrets_owner_password';
alter role paperclip_secrets password :'paperclip_secrets_password';

select format('grant connect on database %I to paperclip_gateway_owner, paperclip_gateway, paperclip_secrets_owner, paperclip_secrets', current_database())
where not (
  select bool_and(has_database_privilege(rolname, current_database(), 'connect'))
  from pg_roles
  where rolname in ('paperclip_gateway_owner', 'paperclip_gateway', 'paperclip_secrets_owner', 'paperclip_secrets')
)
\gexec

-- Both schemas, its own first, so that the documented maintenance statements work as printed.
select format('alter role paperclip_gateway_owner in database %I set search_path = gateway, secrets, public', current_database())
\gexec
select format('alter role paperclip_secrets_owner in database %I set search_path = secrets, gateway, public', current_database())
\gexec

-- Only a superuser may give a schema to a role it is no member of.
select not rolsuper as joins from pg_roles where rolname = current_user
\gset
\if :joins
  grant paperclip_gateway_owner, paperclip_secrets_owner to current_user;
\endif
create schema if not exists gateway authorization paperclip_gateway_owner;
create schema if not exists secrets authorization paperclip_secrets_owner;
\if :joins
  revoke paperclip_gateway_owner, paperclip_secrets_owner from current_user;
\endif

-- A schema that somebody else owns would keep the migration out, or let somebody else in.
do $$
begin
  if exists (
    select from pg_namespace
    where nspname in ('gateway', 'secrets') and pg_get_userbyid(nspowner) <> format('paperclip_%s_owner', nspname)
  ) then
    raise exception 'schema gateway or secrets exists and belongs to another role: use a database of its own';
  end if;
end
$$;
commit;
