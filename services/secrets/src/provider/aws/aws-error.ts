import type { AwsOperation } from './aws-call.js'

/**
 * What a failed call means. Towards clients: `access_denied` and `bad_credentials` are 502 `provider_access_denied`,
 * `not_found` 502 `provider_not_found`, `exists` and `rejected` 502 `provider_rejected`, `scheduled_for_deletion` 409
 * `provider_name_reserved`, `throttled` 503 `provider_throttled`, `no_credentials` and `unavailable` 503
 * `provider_unavailable`; and a write of which {@link AwsError.mayHaveActed} is true is 503 `outcome_unknown` first.
 */
export type AwsErrorKind =
  | 'access_denied'
  | 'bad_credentials'
  | 'no_credentials'
  | 'not_found'
  | 'exists'
  | 'scheduled_for_deletion'
  | 'rejected'
  | 'throttled'
  | 'unavailable'

/** The types that mean something to us; any other is known by its status alone. */
const kinds = {
  AccessDenied: 'access_denied',
  AccessDeniedException: 'access_denied',
  ExpiredToken: 'bad_credentials',
  ExpiredTokenException: 'bad_credentials',
  IncompleteSignature: 'bad_credentials',
  IncompleteSignatureException: 'bad_credentials',
  InvalidClientTokenId: 'bad_credentials',
  InvalidSignatureException: 'bad_credentials',
  MissingAuthenticationToken: 'bad_credentials',
  MissingAuthenticationTokenException: 'bad_credentials',
  NotAuthorized: 'bad_credentials',
  OptInRequired: 'bad_credentials',
  RequestExpired: 'bad_credentials',
  SignatureDoesNotMatch: 'bad_credentials',
  UnrecognizedClientException: 'bad_credentials',
  ResourceNotFoundException: 'not_found',
  ResourceExistsException: 'exists',
  DecryptionFailure: 'rejected',
  EncryptionFailure: 'rejected',
  InvalidNextTokenException: 'rejected',
  InvalidParameterException: 'rejected',
  InvalidRequestException: 'rejected',
  LimitExceededException: 'rejected',
  PreconditionNotMetException: 'rejected',
  SerializationException: 'rejected',
  UnknownOperationException: 'rejected',
  ValidationError: 'rejected',
  ValidationException: 'rejected',
  ProvisionedThroughputExceededException: 'throttled',
  RequestLimitExceeded: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  TooManyRequestsException: 'throttled',
  InternalFailure: 'unavailable',
  InternalServerError: 'unavailable',
  InternalServiceError: 'unavailable',
  ServiceUnavailable: 'unavailable',
  ServiceUnavailableException: 'unavailable'
} as const satisfies Record<string, AwsErrorKind>

/** A type of error that this service knows by name. */
export type AwsErrorType = keyof typeof kinds

/** Why there is no answer to go by. */
export type AwsFailure =
  | 'address_refused'
  | 'no_connection'
  | 'overloaded'
  | 'connection_lost'
  | 'timeout'
  | 'too_large'
  | 'unreadable'
  | 'redirect'

interface AwsErrorOptions {
  readonly operation: AwsOperation
  readonly kind: AwsErrorKind
  readonly type?: AwsErrorType | null
  readonly failure?: AwsFailure | null
  readonly mayHaveActed?: boolean
  readonly permissions?: readonly string[]
}

/** A call that failed. Everything in it comes from lists of ours: it may be logged and shown as it is. */
export class AwsError extends Error {
  readonly operation: AwsOperation
  readonly kind: AwsErrorKind
  /** Null where the service gave no type, or one that is not on our list. */
  readonly type: AwsErrorType | null
  /** Set when there was no answer, or none that could be read. */
  readonly failure: AwsFailure | null
  /** Whether this attempt, or one before it, may have had its effect. False only where that is certain. */
  readonly mayHaveActed: boolean
  /** For `access_denied`: the permissions this call takes, one of which is missing. */
  readonly permissions: readonly string[]

  constructor({ operation, kind, type, failure, mayHaveActed, permissions }: AwsErrorOptions) {
    super(`${operation} of AWS Secrets Manager failed: ${type ?? failure ?? kind}.`)
    this.name = 'AwsError'
    this.operation = operation
    this.kind = kind
    this.type = type ?? null
    this.failure = failure ?? null
    this.mayHaveActed = mayHaveActed ?? false
    this.permissions = kind === 'access_denied' ? (permissions ?? []) : []
  }
}

/** Reads what an answer with an error status means, by its `__type` and status, never by its text. */
export function readAwsRefusal(
  status: number,
  body: unknown
): { kind: AwsErrorKind; type: AwsErrorType | null; failure: AwsFailure | null } {
  const type = typeOf(body)
  if (status >= 300 && status < 400) return { kind: 'unavailable', type: null, failure: 'redirect' }
  if (type !== null) return { kind: kinds[type], type, failure: null }
  if (status === 429) return { kind: 'throttled', type, failure: null }
  // Without a type this is not an answer of the service: a proxy's page, or nothing that can be read.
  const isOfService = status < 500 && hasType(body)
  return { kind: isOfService ? 'rejected' : 'unavailable', type, failure: isOfService ? null : 'unreadable' }
}

/** A type may carry a namespace before it (`namespace#Type`) and an address behind it (`Type:http…`). */
function typeOf(body: unknown): AwsErrorType | null {
  if (!hasType(body)) return null
  const name = body.__type.split('#').at(-1)?.split(':')[0] ?? ''
  return Object.hasOwn(kinds, name) ? (name as AwsErrorType) : null
}

function hasType(body: unknown): body is { __type: string } {
  return typeof body === 'object' && body !== null && '__type' in body && typeof body.__type === 'string'
}
