import { type Static, Type } from 'typebox'

/**
 * Every error that leaves a service: its code, HTTP status and title. `detail` is written where the error is
 * thrown; it never repeats a value, a key, an ARN or a provider's text.
 */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid.' },
  invalid_cursor: { status: 400, title: 'The cursor does not belong to this list.' },
  unauthenticated: { status: 401, title: 'Authenticate first.' },
  credential_revoked: { status: 401, title: 'The credential was revoked.' },
  credential_expired: { status: 401, title: 'The credential has expired.' },
  run_closed: { status: 401, title: 'The run is closed.' },
  replayed: { status: 401, title: 'The request was already used.' },
  forbidden: { status: 403, title: 'This caller may not do this.' },
  company_forbidden: { status: 403, title: 'This caller may not enter the company.' },
  read_only_role: { status: 403, title: 'The role may read only.' },
  untrusted_origin: { status: 403, title: 'The page that sent this is not trusted.' },
  owner_required: { status: 403, title: 'Only an owner of the company may do this.' },
  invite_required: { status: 403, title: 'Sign-up needs an invite.' },
  company_deletion_disabled: { status: 403, title: 'Company deletion is switched off.' },
  host_not_allowed: { status: 403, title: 'The host name is not allowed.' },
  binding_forbidden: { status: 403, title: 'The secret is not bound to this agent.' },
  not_found: { status: 404, title: 'Not found.' },
  company_not_found: { status: 404, title: 'No such company.' },
  secret_not_found: { status: 404, title: 'No such secret.' },
  version_not_found: { status: 404, title: 'No such version.' },
  vault_not_found: { status: 404, title: 'No such provider vault.' },
  email_taken: { status: 409, title: 'The e-mail is taken.' },
  name_taken: { status: 409, title: 'The name is taken.' },
  key_taken: { status: 409, title: 'The key is taken.' },
  version_conflict: { status: 409, title: 'Someone changed it first.' },
  in_use: { status: 409, title: 'It is in use.' },
  state_conflict: { status: 409, title: 'Its state does not allow this.' },
  write_in_progress: { status: 409, title: 'Another value of this secret is just being written.' },
  provider_name_reserved: { status: 409, title: 'The provider still keeps a deleted secret of this name.' },
  preview_in_progress: { status: 409, title: 'The same preview is just being made.' },
  confirmation_mismatch: { status: 409, title: 'The confirmation does not match.' },
  already_claimed: { status: 409, title: 'Someone has claimed the instance.' },
  already_member: { status: 409, title: 'Already a member of the company.' },
  last_owner: { status: 409, title: 'A company keeps at least one owner.' },
  last_admin: { status: 409, title: 'An instance keeps at least one admin.' },
  user_is_admin: { status: 409, title: 'The user is an instance admin.' },
  key_limit: { status: 409, title: 'Too many keys that work.' },
  membership_limit: { status: 409, title: 'Too many memberships.' },
  claim_expired: { status: 410, title: 'The claim has expired.' },
  invite_closed: { status: 410, title: 'The invite is no longer open.' },
  payload_too_large: { status: 413, title: 'The body is too large.' },
  unsupported_media_type: { status: 415, title: 'Send application/json.' },
  key_required: { status: 422, title: 'A key is required.' },
  value_blank: { status: 422, title: 'The value is blank.' },
  value_placeholder: { status: 422, title: 'The value is the redaction placeholder.' },
  value_external: { status: 422, title: 'The value lies elsewhere and is not written here.' },
  infra_secret: { status: 422, title: 'This belongs to the deployment, not to a company.' },
  external_ref_unsupported: { status: 422, title: 'The provider has no external references.' },
  external_ref_invalid: {
    status: 422,
    title: 'This is no reference of the provider, or it leads elsewhere.'
  },
  external_ref_managed: { status: 422, title: 'This secret is managed here and cannot be linked.' },
  external_ref_not_allowed: {
    status: 422,
    title: 'This deployment does not let the company use the reference.'
  },
  reference_mismatch: { status: 422, title: 'Where the value lies does not fit how the provider is set up.' },
  reference_frozen: { status: 422, title: 'Where the value lies cannot be changed this way.' },
  key_frozen: { status: 422, title: 'The key names the remote secret and stays.' },
  status_unsupported: { status: 422, title: 'This status cannot be set.' },
  destroy_unsupported: { status: 422, title: 'The provider cannot destroy a single version.' },
  provider_not_configured: { status: 422, title: 'The provider is not set up for this.' },
  provider_unsupported: { status: 422, title: 'The provider cannot be used.' },
  vault_inactive: { status: 422, title: 'The provider vault takes no values.' },
  vault_mismatch: { status: 422, title: 'The provider vault is of another provider.' },
  secret_inactive: { status: 422, title: 'The secret is not active.' },
  secret_deleted: { status: 422, title: 'The secret was deleted.' },
  version_inactive: { status: 422, title: 'The version is not active.' },
  value_not_text: { status: 422, title: 'The value is not text.' },
  version_missing: { status: 422, title: 'No such version.' },
  binding_missing: { status: 422, title: 'The secret is not bound to this target.' },
  integrity_failure: { status: 422, title: 'A stored value failed its integrity check.' },
  env_invalid: { status: 422, title: 'The environment is not valid.' },
  export_too_large: { status: 422, title: 'The export is too large.' },
  env_too_large: { status: 422, title: 'The environment is too large.' },
  project_invalid: { status: 422, title: 'The project does not belong here.' },
  agent_inactive: { status: 422, title: 'The agent is not active.' },
  company_archived: { status: 422, title: 'The company is archived.' },
  company_shredded: { status: 422, title: 'The company was deleted.' },
  rate_limited: { status: 429, title: 'Too many requests.' },
  headers_too_large: { status: 431, title: 'The headers are too large.' },
  internal_error: { status: 500, title: 'Something failed on our side.' },
  provider_access_denied: { status: 502, title: 'The provider refuses this deployment.' },
  provider_not_found: { status: 502, title: 'The provider does not have it.' },
  provider_rejected: { status: 502, title: 'The provider does not take the request.' },
  outcome_unknown: { status: 503, title: 'It is not known yet whether the provider has written it.' },
  provider_throttled: { status: 503, title: 'The provider is asked too often.' },
  provider_unavailable: { status: 503, title: 'The provider cannot be reached.' },
  secrets_unavailable: { status: 503, title: 'The secrets service cannot be reached.' },
  database_unavailable: { status: 503, title: 'The database cannot be reached.' },
  audit_unavailable: { status: 503, title: 'The access could not be recorded.' },
  run_tokens_unavailable: { status: 503, title: 'Run tokens are not configured.' },
  overloaded: { status: 503, title: 'Too much at once.' },
  master_key_unavailable: { status: 503, title: 'The key of this secret is not loaded.' }
} as const satisfies Record<string, { status: number; title: string }>

/** A code of {@link problems}. */
export type ProblemCode = keyof typeof problems

/** One faulty place: a JSON pointer into the body, or `?name` for a query parameter. */
export const ProblemEntry = Type.Object(
  {
    pointer: Type.String({ maxLength: 512 }),
    message: Type.String({ maxLength: 512 }),
    code: Type.Optional(Type.String({ maxLength: 64 }))
  },
  { additionalProperties: false }
)
export type ProblemEntry = Static<typeof ProblemEntry>

/** The body of every error reply (RFC 9457). `error` repeats `detail` for existing Paperclip clients. */
export const Problem = Type.Object(
  {
    type: Type.String({ maxLength: 200 }),
    title: Type.String({ maxLength: 200 }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ maxLength: 1000 }),
    code: Type.String({ maxLength: 64 }),
    requestId: Type.String({ maxLength: 64 }),
    error: Type.String({ maxLength: 1000 }),
    errors: Type.Optional(Type.Array(ProblemEntry, { maxItems: 1024 }))
  },
  { additionalProperties: false }
)
export type Problem = Static<typeof Problem>

/** Says whether text is a code of {@link problems}. */
export function isProblemCode(text: unknown): text is ProblemCode {
  return typeof text === 'string' && Object.hasOwn(problems, text)
}

/** Builds the body of an error reply; without `detail` the title speaks. */
export function problemOf(
  code: ProblemCode,
  {
    detail,
    requestId,
    errors
  }: { detail?: string | undefined; requestId: string; errors?: ProblemEntry[] | undefined }
): Problem {
  const { status, title } = problems[code]
  const text = detail ?? title
  return {
    type: `urn:paperclip:problem:${code}`,
    title,
    status,
    detail: text,
    code,
    requestId,
    error: text,
    ...(errors === undefined ? {} : { errors })
  }
}
