import type { ClientError, ClientErrorCode } from '@paperclip/client'

const rebind = 'correct these entries with `paperclipai env set`'

/** What TLS says of a certificate (OpenSSL's names and Node's own), and of a server that speaks none. */
const ofCertificate = /^(ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/
const ofNoTls = /^(EPROTO|ERR_SSL_)/

/** What to do about a failure, where there is something to say. */
export function hintFor({ code, reason, retryAfterSeconds }: ClientError): string | undefined {
  if (ofCertificate.test(reason ?? ''))
    return 'use the name its certificate is for, and name a private authority in NODE_EXTRA_CA_CERTS'
  if (ofNoTls.test(reason ?? ''))
    return 'it seems to speak no https: check the address in --api-url or PAPERCLIP_API_URL'
  if (retryAfterSeconds !== null) return `repeat it in ${retryAfterSeconds} s`
  return problemHints[code]
}

const problemHints: Partial<Record<ClientErrorCode, string>> = {
  unreachable: 'start it with `paperclipai run`, or name its address with --api-url or PAPERCLIP_API_URL',
  timed_out: 'whether it took effect is not known; look before you repeat it',
  interrupted:
    'whether it took effect is not known; look before you repeat it. If it speaks https, the address must say so',
  rate_limited: 'repeat it in a minute',
  overloaded: 'repeat it in a moment',
  bad_reply: 'check that --api-url or PAPERCLIP_API_URL is the address of a gateway',
  unknown_problem: 'the server may be newer than this command',
  unauthenticated:
    'PAPERCLIP_API_KEY must hold a valid key; without it, sign in with `paperclipai auth login`',
  credential_revoked: 'sign in with `paperclipai auth login`, or set PAPERCLIP_API_KEY to another key',
  credential_expired: 'sign in with `paperclipai auth login`, or set PAPERCLIP_API_KEY to another key',
  run_closed: 'the run behind PAPERCLIP_API_KEY has ended; start another with `paperclipai agent run`',
  company_forbidden: 'check --company-id and PAPERCLIP_COMPANY_ID',
  forbidden: 'see `paperclipai auth whoami`; people and the instance are for instance admins',
  read_only_role: 'ask an owner of the company for the role operator, or admin where that is needed',
  user_is_admin: 'take that away first with `paperclipai user demote`',
  last_admin: 'make somebody else one first with `paperclipai user promote`',
  last_owner: 'make somebody else an owner of the company first',
  invalid_cursor: 'begin anew; an export does with --restart',
  company_archived: 'bring it back with `paperclipai company unarchive`',
  company_deletion_disabled:
    'set it for the gateway: before `npm start`, or in .env beside docker-compose.yml. `paperclipai company archive` needs none of it',
  company_not_found: 'see `paperclipai company list`',
  secret_not_found: 'see `paperclipai secrets list`',
  vault_not_found: 'see `paperclipai vault list`',
  vault_inactive: 'enable it with `paperclipai vault update <vault> --status ready`, or name another',
  vault_mismatch: 'see `paperclipai vault list`, and name a vault of the same provider',
  name_taken: 'choose another name, or rotate the secret that has it',
  key_taken: 'choose another key with --key',
  value_external: 'change it where it lies; `secrets rotate --external-ref` points elsewhere',
  key_frozen: 'make another secret to have another key',
  reference_frozen: 'point it elsewhere with `paperclipai secrets rotate --external-ref`',
  destroy_unsupported: 'refuse it with `paperclipai secrets disable-version` instead',
  key_required: 'give a key with --key',
  version_not_found: 'see `paperclipai secrets versions`',
  version_conflict: 'look at `paperclipai secrets versions` and try again',
  in_use: 'see `paperclipai secrets usage`; --force deletes it all the same',
  value_placeholder: 'this is what replies show instead of a value; give the value itself',
  preview_in_progress: 'wait until the other one has ended, or search for something else',
  provider_access_denied:
    'look at the policy of the deployment’s role; `paperclipai vault health` says what is missing',
  provider_throttled: 'wait a little, and narrow the search with --query',
  secrets_unavailable: 'look at the log of the secrets service, or run `paperclipai doctor`',
  database_unavailable: 'look at the database, or run `paperclipai doctor`',
  audit_unavailable: 'no value leaves while it cannot be recorded; run `paperclipai doctor`',
  master_key_unavailable: 'run `paperclipai doctor`: it names the key that is needed',
  secret_deleted: rebind,
  secret_inactive: rebind,
  version_inactive: rebind,
  version_missing: rebind,
  env_invalid:
    'keys are in `paperclipai secrets list`; store what is not there with `paperclipai secrets create`',
  state_conflict: 'look at what state it is in; nothing was changed',
  agent_inactive: 'see `paperclipai agent list`; `paperclipai agent resume` ends a pause',
  run_tokens_unavailable: 'set PAPERCLIP_AGENT_JWT_SECRET for the gateway, or run `paperclipai onboard`',
  host_not_allowed: 'use the address the gateway is known by, or add it to PAPERCLIP_ALLOWED_HOSTNAMES'
}
