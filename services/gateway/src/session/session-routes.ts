import {
  changePassword,
  getSession,
  limits,
  listSessions,
  revokeOtherSessions,
  revokeSession,
  revokeSessions,
  signIn,
  signOut,
  signUp
} from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type OriginsOf, requireOwnOrigin } from '../auth/origin-guard.js'
import type { Caller } from './auth-engine.js'
import type { BegunSession, SessionService } from './session-service.js'

interface SessionRoutesDeps {
  sessions: SessionService
  origins: OriginsOf
}

/** Signing up, in and out, and the caller's own sessions. What Better Auth has beyond these is 404. */
export function sessionRoutes(app: Server, { sessions, origins }: SessionRoutesDeps): void {
  const { cookie } = sessions

  const callerOf = (request: FastifyRequest): Caller => ({
    address: request.ip,
    userAgent: (request.headers['user-agent'] ?? '').slice(0, limits.userAgentCharsMax),
    cookie: cookie.read(request.headers.cookie),
    origin: request.headers.origin,
    origins: origins(request)
  })

  /** Stands here again because a stranger may sign in, and a page may not make them one. */
  const onRequest = async (request: FastifyRequest): Promise<void> => {
    const caller = cookie.read(request.headers.cookie) === undefined ? 'local_operator' : 'cookie'
    requireOwnOrigin(request.method, request.headers, { origins: origins(request), caller })
  }

  const hand = (reply: FastifyReply, { cookieValue, view }: BegunSession) => {
    reply.header('set-cookie', cookie.set(cookieValue))
    return view
  }

  app.route({
    ...mount('/api', signUp),
    onRequest,
    handler: async (request, reply) =>
      hand(reply, await sessions.signUp(request.body, request.actor, callerOf(request)))
  })
  app.route({
    ...mount('/api', signIn),
    onRequest,
    handler: async (request, reply) =>
      hand(reply, await sessions.signIn(request.body, request.actor, callerOf(request)))
  })
  app.route({
    ...mount('/api', changePassword),
    handler: async (request, reply) =>
      hand(reply, await sessions.changePassword(request.body, request.actor, callerOf(request)))
  })
  app.route({
    ...mount('/api', signOut),
    onRequest,
    handler: async (request, reply) => {
      await sessions.signOut(request.actor)
      reply.header('set-cookie', cookie.clear())
      return { ok: true as const }
    }
  })
  app.route({
    ...mount('/api', getSession),
    handler: async (request, reply) => {
      const view = await sessions.describe(request.actor)
      // As bytes, because a null that is sent becomes an empty body.
      const body = Buffer.from(JSON.stringify(view)) as unknown as typeof view
      return reply.type('application/json; charset=utf-8').send(body)
    }
  })
  app.route({ ...mount('/api', listSessions), handler: (request) => sessions.list(request.actor) })
  app.route({
    ...mount('/api', revokeSession),
    handler: async (request) => {
      await sessions.revoke(request.actor, request.body.id)
      return { ok: true as const }
    }
  })
  app.route({
    ...mount('/api', revokeSessions),
    handler: async (request, reply) => {
      await sessions.revokeAll(request.actor, { keepCurrent: false })
      reply.header('set-cookie', cookie.clear())
      return { ok: true as const }
    }
  })
  app.route({
    ...mount('/api', revokeOtherSessions),
    handler: async (request) => {
      await sessions.revokeAll(request.actor, { keepCurrent: true })
      return { ok: true as const }
    }
  })
}
