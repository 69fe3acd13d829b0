import { setTimeout as pause } from 'node:timers/promises'
import type { AwsCredentialSource, AwsCredentials } from './aws-credentials.js'
import type { AwsEndpoint } from './aws-endpoint.js'
import { AwsError, type AwsErrorKind, type AwsFailure, readAwsRefusal } from './aws-error.js'
import { attemptsMax, delayBeforeRetryMs, type RetryBudget } from './aws-retry.js'
import { signAwsCall } from './aws-signer.js'
import { type AwsTransport, TransportFailure } from './aws-transport.js'

/** Every operation that this service ever calls. */
export type AwsOperation =
  | 'CreateSecret'
  | 'PutSecretValue'
  | 'GetSecretValue'
  | 'DeleteSecret'
  | 'RestoreSecret'
  | 'DescribeSecret'
  | 'ListSecrets'

/** One call; its retries are the same request again. */
export interface AwsRequest<Operation extends AwsOperation> {
  readonly operation: Operation
  readonly input: Readonly<Record<string, unknown>>
  /** Whether it may be sent again when it is not known to have failed. */
  readonly idempotent: boolean
  /** The permissions it takes, to be named when one is missing. */
  readonly permissions: readonly string[]
  readonly replyBytesMax: number
  /** For all attempts and the waits between them; at most {@link totalDeadlineMs}. */
  readonly deadlineMs?: number
}

/** Calls an operation and gives its answer, a JSON object. Rejects with {@link AwsError}. */
export type AwsCall<Operation extends AwsOperation> = (
  request: AwsRequest<Operation>
) => Promise<Readonly<Record<string, unknown>>>

/** What calls are made of. */
export interface AwsCallParts {
  readonly endpoint: AwsEndpoint
  readonly transport: AwsTransport
  readonly credentials: AwsCredentialSource
  readonly budget: RetryBudget
  /** The date of a signature. */
  readonly nowMs: () => number
  readonly random: () => number
}

/** A call ends within this, whatever happens. */
export const totalDeadlineMs = 20_000

/**
 * Starts the deadline of a piece of work that takes several calls, {@link totalDeadlineMs} at most; gives what is left
 * of it, in milliseconds.
 */
export function startDeadline(deadlineMs: number = totalDeadlineMs): () => number {
  const endsAtMs = performance.now() + Math.min(deadlineMs, totalDeadlineMs)
  return () => Math.max(1, endsAtMs - performance.now())
}

/** One attempt: long enough for a slow write, short enough that a lost one leaves time for two more. */
export const attemptTimeoutMs = 6_000

/** Too little for another attempt to be worth its request. */
const worthwhileMs = 100

/**
 * Makes a caller of the named operations and of no other, at run time as by its type: whoever holds one that lists
 * cannot read.
 */
export function createAwsCall<Operation extends AwsOperation>(
  operations: readonly Operation[],
  parts: AwsCallParts
): AwsCall<Operation> {
  return async (request) => {
    if (!operations.includes(request.operation)) throw new Error(`This caller may not ${request.operation}.`)
    const body = Buffer.from(JSON.stringify(request.input))
    const endsAtMs = performance.now() + Math.min(request.deadlineMs ?? totalDeadlineMs, totalDeadlineMs)
    parts.budget.noteCall()
    try {
      return await withRetries(request, { ...parts, body, endsAtMs })
    } finally {
      body.fill(0)
    }
  }
}

/** Failures that come again with the same request, or that a retry would make worse. */
const lastingFailures = new Set<AwsFailure | null>(['address_refused', 'overloaded', 'redirect', 'too_large'])

type Attempt = AwsCallParts & { readonly body: Buffer; readonly endsAtMs: number }

async function withRetries(request: AwsRequest<AwsOperation>, parts: Attempt) {
  let mayHaveActed = false
  let renewed = false
  for (let attempt = 1; ; attempt++) {
    const outcome: Outcome = await tryOnce(request, parts)
    if ('reply' in outcome) return outcome.reply
    mayHaveActed ||= outcome.mayHaveActed
    // What was refused for its credentials never began: it may go once more with new ones, whatever it is.
    const renews: boolean = outcome.kind === 'bad_credentials' && !renewed
    renewed ||= renews
    const last = attempt === attemptsMax || !(renews || (request.idempotent && isPassing(outcome)))
    const delayMs = renews ? 0 : delayBeforeRetryMs(attempt - 1, parts.random)
    const late = parts.endsAtMs - performance.now() - delayMs < worthwhileMs
    if (last || late || !parts.budget.take()) {
      const { operation, permissions } = request
      throw new AwsError({ ...outcome, operation, permissions, mayHaveActed })
    }
    await pause(delayMs)
  }
}

type Failed = Pick<AwsError, 'kind' | 'type' | 'failure' | 'mayHaveActed'>
type Outcome = { readonly reply: Readonly<Record<string, unknown>> } | Failed

async function tryOnce(request: AwsRequest<AwsOperation>, parts: Attempt): Promise<Outcome> {
  const { endpoint, transport, credentials, nowMs, body, endsAtMs } = parts
  const timeoutMs = () => Math.max(1, Math.min(attemptTimeoutMs, Math.ceil(endsAtMs - performance.now())))
  const current = await credentials.get(timeoutMs()).catch(() => null)
  if (current === null) return failed('no_credentials')
  const { operation, replyBytesMax } = request
  const { origin, region } = endpoint
  const identity = reveal(current)
  const headers = signAwsCall({ origin, region, operation, body, identity, nowMs: nowMs() })
  try {
    const reply = await transport.send({ headers, body, timeoutMs: timeoutMs(), replyBytesMax })
    const parsed = parseObject(reply.body)
    if (reply.status === 200 && parsed !== null) return { reply: parsed }
    if (reply.status === 200) return failed('unavailable', { failure: 'unreadable', mayHaveActed: true })
    const refusal = readAwsRefusal(reply.status, parsed)
    if (refusal.kind === 'bad_credentials') credentials.drop(current)
    return { ...refusal, mayHaveActed: refusal.kind === 'unavailable' }
  } catch (error) {
    if (!(error instanceof TransportFailure)) throw error
    return failed('unavailable', { failure: error.failure, mayHaveActed: error.sent })
  }
}

/** Whether the next attempt may meet with something better. */
function isPassing({ kind, failure }: Failed): boolean {
  if (kind === 'throttled') return true
  return kind === 'unavailable' && !lastingFailures.has(failure)
}

function failed(kind: AwsErrorKind, known: Partial<Failed> = {}): Failed {
  return { kind, type: null, failure: null, mayHaveActed: false, ...known }
}

function reveal({ accessKeyId, secretAccessKey, sessionToken }: AwsCredentials) {
  const token = sessionToken === null ? null : sessionToken.reveal()
  return { accessKeyId, secretAccessKey: secretAccessKey.reveal(), sessionToken: token }
}

/** The bytes are overwritten once they are read: an answer may hold a value. */
function parseObject(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(body.toString())
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Readonly<Record<string, unknown>>) : null
  } catch {
    return null
  } finally {
    body.fill(0)
  }
}
