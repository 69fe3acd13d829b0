import {
  deleteSecret,
  exportActivityCsv,
  getSecretUsage,
  listActivity,
  listCompanyAccessEvents,
  listInstanceActivity,
  listSecretAccessEvents,
  migrateInlineEnvironments,
  type Route,
  revealRunSecret
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { isAgentOf } from '../agent/agent-store.js'
import type { Actor } from '../auth/actor.js'
import { actorContextOf } from '../auth/actor-context.js'
import type { GatewayDatabase } from '../database.js'
import { targetDeleted } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { findProject } from '../project/project-store.js'
import { forwardMsMax, type HopReply, providerForwardMsMax, type SecretsHop } from './secrets-hop.js'

/** A request of somebody who was let in, on its way to the secrets service. */
export interface Forwarded {
  actor: Actor
  requestId: string
  params: Record<string, string>
  query: Record<string, unknown>
  /** As it came, so that it is not written anew; null when there was none. */
  body: Buffer | null
}

/** Hands requests on to the secrets service. */
export interface ForwardService {
  forward(route: Route, request: Forwarded): Promise<HopReply>
}

interface ForwardDeps {
  db: Db<GatewayDatabase>
  mutate: Mutate
  hop: SecretsHop
  /** Delivers what the gateway has yet to tell the secrets service. */
  flush: () => Promise<void>
}

/** What shows, or depends on, mutations of the gateway: a caller must find his own there. */
const readsOwnWrites: ReadonlySet<Route> = new Set<Route>([
  listActivity,
  listInstanceActivity,
  exportActivityCsv,
  listCompanyAccessEvents,
  listSecretAccessEvents,
  getSecretUsage,
  deleteSecret,
  migrateInlineEnvironments
])

/** What every part of a forwarded path is made of; nothing else names anything. */
const plainSegment = /^(?!\.{1,2}$)[A-Za-z0-9_.-]+$/

/** Makes the service. */
export function createForwardService({ db, mutate, hop, flush }: ForwardDeps): ForwardService {
  return {
    async forward(route, { actor, requestId, params, query, body }) {
      refuseOddSegments(route, params)
      await requireTarget(db, params)
      if (readsOwnWrites.has(route)) await flush()
      const reply = await hop.send({
        route,
        params,
        query: writeQuery(query),
        body,
        actor: actorContextOf(actor, { companyId: params.companyId ?? null, requestId }),
        deadlineMs: route.config.callsProvider ? providerForwardMsMax : forwardMsMax
      })
      if (route.method === 'PUT' && reply.status === 200) await takeBackIfGone({ db, mutate }, params)
      return reply
    }
  }
}

/** An environment belongs to something of this gateway; the secrets service cannot know whether that exists. */
async function requireTarget(db: Db<GatewayDatabase>, params: Record<string, string>): Promise<void> {
  if (!(await isTargetPresent(db, params))) throw new AppError('not_found')
}

async function isTargetPresent(db: Db<GatewayDatabase>, params: Record<string, string>): Promise<boolean> {
  const { companyId, agentId, projectId } = params
  if (companyId === undefined) return true
  if (agentId !== undefined) return await isAgentOf(db, { companyId, agentId })
  if (projectId !== undefined) return (await findProject(db, { companyId, projectId })) !== undefined
  return true
}

/** Deleted while its environment was on the way: that must not outlive it. */
async function takeBackIfGone(
  { db, mutate }: { db: Db<GatewayDatabase>; mutate: Mutate },
  params: Record<string, string>
): Promise<void> {
  if (await isTargetPresent(db, params)) return
  const { companyId = '', agentId, projectId } = params
  const command =
    agentId === undefined
      ? targetDeleted(companyId, 'project', projectId ?? '')
      : targetDeleted(companyId, 'agent', agentId)
  await mutate((tx) => insertOutbox(tx, [command]))
  throw new AppError('not_found')
}

function refuseOddSegments(route: Route, params: Record<string, string>): void {
  if (Object.values(params).every((value) => plainSegment.test(value))) return
  // No secret has such a key, and the answer for an unknown one is that it is not bound.
  throw new AppError(route === revealRunSecret ? 'binding_forbidden' : 'not_found')
}

function writeQuery(query: Record<string, unknown>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}
