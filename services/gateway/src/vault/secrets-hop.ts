import { type InternalTransport, type ReplyParts, TransportError } from '@paperclip/client'
import { type ActorContext, fillPath, providerHandlerMsMax, type Route } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { encodeActor } from '@paperclip/signing'
import { gatewayContext } from '../auth/actor-context.js'

/** What came back over the private hop. */
export interface HopReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

interface HopRequest {
  route: Route
  params?: Record<string, string>
  /** Empty, or `?` and at least one character. */
  query?: string
  body?: Buffer | string | null
  deadlineMs: number
  idempotent?: boolean
  /** Takes a reply that comes in parts. */
  parts?: ReplyParts
}

/** Signed requests to the secrets service. Every failure of the way is `secrets_unavailable`. */
export interface SecretsHop {
  /** Speaks for a caller. */
  send(request: HopRequest & { actor: ActorContext }): Promise<HopReply>
  /** Speaks for the gateway itself. */
  sendAsGateway(request: HopRequest): Promise<HopReply>
}

/** How long a forwarded request may take in all. */
export const forwardMsMax = 10_000
/** As {@link forwardMsMax}, where a provider is waited for: the work there takes less, and our own handler a little more. */
export const providerForwardMsMax = providerHandlerMsMax - 1_000

/** A refusal of who we are, which can only be a fault between the two services. */
const unauthorizedStatus = 401

/** Makes the hop. `keyId` names our own key in what the gateway sends for itself. */
export function createSecretsHop(transport: InternalTransport, keyId: () => string): SecretsHop {
  async function send(request: HopRequest, actor: ActorContext): Promise<HopReply> {
    const { route, params, query, body, deadlineMs, idempotent, parts } = request
    const path = `/internal${fillPath(route.path, params)}`
    let reply: HopReply
    try {
      reply = await transport.send({
        method: route.method,
        path,
        ...(query ? { query } : {}),
        body: body ?? null,
        actor: encodeActor(actor),
        deadlineMs,
        ...(idempotent === undefined ? {} : { idempotent }),
        ...(parts === undefined ? {} : { parts })
      })
    } catch (cause) {
      throw unavailable(cause)
    }
    if (reply.status === unauthorizedStatus)
      throw new AppError('secrets_unavailable', {
        detail: 'The secrets service does not accept the requests of this gateway.',
        context: { hop: 'unauthorized' }
      })
    return reply
  }
  return {
    send: (request) => send(request, request.actor),
    sendAsGateway: (request) => send(request, gatewayContext(keyId()))
  }
}

function unavailable(cause: unknown): AppError {
  const hop = cause instanceof TransportError ? cause.code : 'unknown'
  if (hop === 'overloaded') return new AppError('overloaded', { cause, retryAfterSeconds: 1 })
  return new AppError('secrets_unavailable', {
    detail: 'The secrets service cannot be reached. Try again shortly.',
    cause,
    context: { hop }
  })
}
