import { ActorContext, isUuid } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import {
  type NonceMemory,
  SignatureError,
  type VerifiedHead,
  type VerifierKeyring,
  verifyRequestBody,
  verifyRequestHead
} from '@paperclip/signing'
import type { FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Compile } from 'typebox/compile'
import { createAttemptLimit } from './attempt-limit.js'
import { authorizeRoute, type Caller, isGateway, requireOwnVoice } from './caller.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route that is not a probe. */
    caller: Caller
    signedHead: VerifiedHead | null
  }
}

interface SignedRequestOptions {
  keyring: VerifierKeyring
  nonces: NonceMemory
  /** Records the attempt of a service on a company that its key may not enter; a replay of one is `replayed`. */
  recordAttempt: (caller: Caller, companyId: string) => Promise<void>
}

const actorContext = Compile(ActorContext)

/**
 * Lets in only what an internal key signed (RFC 9421 profile of `libs/signing`): head, actor and authorisation
 * before the body is read, the body's digest before validation. Every failure of the signature is one 401.
 *
 * The nonce of a read is kept in this process; one that changes or reveals something is kept by the database, in
 * the transaction of its effect, so that a replay fails on every replica.
 */
export const signedRequests = fastifyPlugin<SignedRequestOptions>(
  async (app, { keyring, nonces, recordAttempt }) => {
    const attempts = createAttemptLimit()
    app.decorateRequest('caller', null as unknown as Caller)
    app.decorateRequest('signedHead', null)

    app.addHook('onRequest', async (request) => {
      const { auth } = request.routeOptions.config
      // A path that no route has: 404, whoever asks.
      if (auth === undefined || auth.actors.includes('anon')) return
      const head = verifyHead(request, keyring)
      request.signedHead = head
      request.caller = callerOf(head)
      request.id = request.caller.actor.requestId
      request.actorId = request.caller.actor.userId ?? request.caller.actor.agentId ?? head.request.key.caller
      const { companyId } = request.params as { companyId?: string }
      // Before it is compared or recorded: no company has such an id.
      if (companyId !== undefined && !isUuid(companyId)) throw new AppError('not_found')
      try {
        authorizeRoute(request.caller, auth, companyId)
      } catch (error) {
        if (error instanceof AppError && error.code === 'company_forbidden' && companyId !== undefined)
          await noteAttempt(request, companyId)
        throw error
      }
    })

    /** The gateway refuses such callers itself, so what it lets through is its fault and a matter for the log. */
    async function noteAttempt(request: FastifyRequest, companyId: string): Promise<void> {
      const { caller, signedHead } = request
      const ofService = signedHead !== null && !isGateway(caller.key)
      // A refused request takes its nonce too: sent again, it may not write again.
      if (ofService) rememberNonce(signedHead, nonces)
      if (ofService && attempts.admit(caller.key.id, Date.now())) await recordAttempt(caller, companyId)
      else
        request.log.warn(
          { requestId: request.id, keyId: caller.key.id, companyId },
          'an attempt on a company was refused and not recorded there'
        )
    }

    app.addHook('preValidation', async (request) => {
      if (request.signedHead === null) return
      verifyBody(request.signedHead, request.bodyBytes)
      if (!request.routeOptions.config.effect) rememberNonce(request.signedHead, nonces)
    })
  },
  { name: 'signed-requests', fastify: '5.x' }
)

function verifyHead(request: FastifyRequest, keyring: VerifierKeyring): VerifiedHead {
  const { method = '', url = '', rawHeaders } = request.raw
  try {
    return verifyRequestHead({ method, url, rawHeaders }, { findKey: keyring.find, nowMs: Date.now() })
  } catch (error) {
    throw refusalOf(error, request)
  }
}

function verifyBody(head: VerifiedHead, body: Buffer | null): void {
  try {
    verifyRequestBody(head, body)
  } catch (error) {
    throw refusalOf(error, null)
  }
}

function refusalOf(error: unknown, request: FastifyRequest | null): unknown {
  if (!(error instanceof SignatureError)) return error
  request?.log.warn(
    { requestId: request.id, code: error.code, ip: request.ip },
    'refused an internal request'
  )
  return new AppError('unauthenticated', { detail: 'The request is not signed by a known service.' })
}

function callerOf(head: VerifiedHead): Caller {
  const { key, nonce, createdMs, expiresMs, actor } = head.request
  if (!actorContext.Check(actor)) throw new AppError('unauthenticated', { detail: 'The actor is not valid.' })
  requireOwnVoice(key, actor)
  return { actor, key, nonce: { nonce, createdMs, expiresMs } }
}

function rememberNonce(head: VerifiedHead, nonces: NonceMemory): void {
  const { key, nonce, expiresMs } = head.request
  const outcome = nonces.remember({ keyId: key.id, nonce, expiresMs }, Date.now())
  if (outcome === 'replayed') throw new AppError('replayed')
  if (outcome === 'full') throw new AppError('overloaded', { retryAfterSeconds: 1 })
}
