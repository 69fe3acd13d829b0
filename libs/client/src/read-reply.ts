import { isProblemCode, type ProblemEntry, type Route } from '@paperclip/contracts'
import { ClientError } from './client-error.js'
import type { Reply } from './exchange.js'
import { TransportError } from './transport-error.js'

const detailCharsMax = 1_000
const entriesMax = 1_024

/** Gives a reply's content when the route lists its status, else throws its problem as {@link ClientError}. */
export function readReply(route: Route, reply: Reply, address: string): unknown {
  const mediaType = String(reply.headers['content-type'] ?? '')
    .split(';', 1)[0]
    ?.trim()
  if (mediaType === 'application/problem+json') throw problemError(reply, address)
  if (route.schema.response[reply.status] === undefined) throw notOurs(reply, address)
  if (mediaType !== 'application/json') {
    const { type } = route.schema.response[reply.status] as { type?: unknown }
    if (type === 'string') return reply.body.toString('utf8')
    throw notOurs(reply, address)
  }
  const content = parseJson(reply)
  if (content === undefined) throw notOurs(reply, address)
  return content
}

/** Says why there was no reply, naming the address. What is not a {@link TransportError} is given back as it is. */
export function transportFailure(error: unknown, address: string): unknown {
  if (!(error instanceof TransportError)) return error
  const reason = error.reason === undefined ? '' : ` (${error.reason})`
  switch (error.code) {
    case 'connect_failed':
      return new ClientError('unreachable', `${address} cannot be reached${reason}`, {
        reason: error.reason ?? null
      })
    case 'timeout':
      return new ClientError('timed_out', `${address} did not answer in time`)
    case 'reset':
      return new ClientError('interrupted', `${address} ended the connection before its answer${reason}`)
    case 'overloaded':
      return new ClientError('overloaded', `too many requests to ${address} are already under way`)
    default:
      return new ClientError('bad_reply', `${address} gave an answer that cannot be used${reason}`)
  }
}

function problemError(reply: Reply, address: string): ClientError {
  const problem = parseJson(reply)
  if (typeof problem !== 'object' || problem === null) return notOurs(reply, address)
  const { code, detail, errors, requestId } = problem as Record<string, unknown>
  const text = typeof detail === 'string' ? detail.slice(0, detailCharsMax) : `HTTP status ${reply.status}`
  const retryAfter = Number(reply.headers['retry-after'])
  return new ClientError(isProblemCode(code) ? code : 'unknown_problem', text, {
    status: reply.status,
    errors: Array.isArray(errors) ? errors.filter(isEntry).slice(0, entriesMax) : [],
    requestId: typeof requestId === 'string' ? requestId : null,
    retryAfterSeconds: Number.isInteger(retryAfter) ? retryAfter : null
  })
}

function isEntry(entry: unknown): entry is ProblemEntry {
  if (typeof entry !== 'object' || entry === null) return false
  const { pointer, message } = entry as Record<string, unknown>
  return typeof pointer === 'string' && typeof message === 'string'
}

function parseJson(reply: Reply): unknown {
  try {
    return JSON.parse(reply.body.toString('utf8'))
  } catch {
    // The parser quotes what it read, so its error goes no further.
    return undefined
  }
}

function notOurs(reply: Reply, address: string): ClientError {
  return new ClientError(
    'bad_reply',
    `${address} answered ${reply.status} in a form that is not known here`,
    {
      status: reply.status
    }
  )
}
