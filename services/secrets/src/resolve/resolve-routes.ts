import type { Readable } from 'node:stream'
import {
  type ActorContext,
  problemOf,
  type ResolveItem,
  resolveBatch,
  resolveEnvironment,
  resolveFramesMediaType,
  resolveIdOf,
  resolveRunEnvironment
} from '@paperclip/contracts'
import { AppError, type FastifyPluginAsyncTypebox, logFailure, mount } from '@paperclip/server'
import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import { type Caller, openerOf, principalOf } from '../auth/caller.js'
import { problemOfError } from '../error-problem.js'
import { prefix } from '../prefix.js'
import { LaterFrame, writeFrame, writeReply } from './frame-writer.js'
import { LaterReply, type ResolveService } from './resolve-service.js'
import type { ResolveRequest } from './resolve-store.js'

/** The routes that reveal whole environments. Nothing here is cached, and no reply may be. */
export const resolveRoutes: FastifyPluginAsyncTypebox<{ resolves: ResolveService }> = async (
  app,
  { resolves }
) => {
  app.route({
    ...mount(prefix, resolveEnvironment),
    handler: async ({ caller, params: { companyId }, body }, reply) => {
      const target = {
        companyId,
        targetType: body.targetType,
        targetId: body.targetId.toLowerCase(),
        projectId: body.projectId?.toLowerCase() ?? null,
        runId: body.runId?.toLowerCase() ?? null
      }
      return sendJson(reply, await resolves.resolve({ ...askedBy(caller), ...target }))
    }
  })

  app.route({
    ...mount(prefix, resolveRunEnvironment),
    handler: async ({ caller }, reply) => {
      const { agentId, companyId, projectId, runId } = runOf(caller.actor)
      const target = { companyId, targetType: 'agent', targetId: agentId, projectId, runId } as const
      return sendJson(reply, await resolves.resolve({ ...askedBy(caller), ...target }))
    }
  })

  app.route({
    ...mount(prefix, resolveBatch),
    handler: async ({ body, log }, reply) => {
      const frames = await Promise.all(body.items.map((item) => frameOf(resolves, item, log)))
      return sendUnread(reply, resolveFramesMediaType, writeReply(frames))
    }
  })
}

/** The run that a run token stands for. */
export function runOf(actor: ActorContext): {
  companyId: string
  agentId: string
  projectId: string | null
  runId: string
} {
  const { companyId, agentId, projectId, runId } = actor
  if (companyId === null || agentId === null || runId === null) throw new AppError('forbidden')
  return { companyId, agentId, projectId, runId }
}

/** Who asks, and the id that makes a replay of this very request fail. */
export function askedBy(
  caller: Caller
): Pick<ResolveRequest, 'resolveId' | 'requestId' | 'actorType' | 'actorId' | 'openedBy'> {
  const { type, id } = principalOf(caller)
  const nonce = Buffer.from(caller.nonce.nonce, 'base64url')
  return {
    resolveId: resolveIdOf(nonce, caller.nonce.createdMs),
    requestId: caller.actor.requestId,
    actorType: type,
    actorId: id,
    openedBy: openerOf(caller)
  }
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return sendUnread(reply, 'application/json; charset=utf-8', text)
}

function sendUnread(reply: FastifyReply, mediaType: string, payload: string | Readable): FastifyReply {
  return reply
    .header('content-type', mediaType)
    .header('cache-control', 'no-store')
    .serializer((payload: string) => payload)
    .send(payload)
}

/** Gives an item's frame, or, where a provider must be waited for, a promise of it. Whatever fails is in the frame. */
async function frameOf(
  resolves: ResolveService,
  item: ResolveItem,
  log: FastifyBaseLogger
): Promise<string | LaterFrame> {
  const { resolveId } = item
  try {
    const begun = await resolves.begin({
      ...item,
      targetType: 'agent',
      targetId: item.agentId,
      actorType: 'agent',
      actorId: item.agentId
    })
    if (!(begun instanceof LaterReply)) return writeFrame(resolveId, 200, begun)
    const frame = begun.text.then(
      (text) => writeFrame(resolveId, 200, text),
      (error: unknown) => failureFrame(item, error, log)
    )
    return new LaterFrame(resolveId, frame)
  } catch (error) {
    return failureFrame(item, error, log)
  }
}

function failureFrame({ resolveId, requestId }: ResolveItem, error: unknown, log: FastifyBaseLogger): string {
  const problem = problemOfError(error) ?? new AppError('internal_error', { cause: error })
  logFailure(log, problem, { requestId, error })
  const { code, message: detail, errors } = problem
  return writeFrame(resolveId, problem.status, JSON.stringify(problemOf(code, { detail, requestId, errors })))
}
