import {
  type FinishRun,
  limits,
  newId,
  type OpenedBy,
  type OpenedRun,
  type OpenRun,
  type RenewedRun,
  type RunView
} from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { holdAgentStatus } from '../agent/agent-store.js'
import { type Actor, actorIdOf, credentialOf } from '../auth/actor.js'
import { requireActiveCompany } from '../company/company-service.js'
import type { GatewayDatabase } from '../database.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { holdProject } from '../project/project-store.js'
import { finishedActivity, runActivity } from './run-closing.js'
import {
  expireRunRows,
  findRun,
  finishRunRow,
  insertRun,
  listRunRows,
  type NewRun,
  renewRunRow
} from './run-store.js'
import type { RunTokens } from './run-token.js'

interface RunId {
  companyId: string
  runId: string
}

/** Rules of runs. */
export interface RunService {
  open(actor: Actor, target: { companyId: string; agentId: string }, input: OpenRun): Promise<OpenedRun>
  list(companyId: string, page: PageRequest): Promise<RunView[]>
  get(id: RunId): Promise<RunView>
  renew(actor: Actor, id: RunId, input: { ttlSeconds?: number }): Promise<RenewedRun>
  finish(actor: Actor, id: RunId, input: FinishRun): Promise<RunView>
}

/** Makes the service. Without `tokens` no run can be opened or made longer. */
export function createRunService(
  db: Db<GatewayDatabase>,
  mutate: Mutate,
  tokens: RunTokens | null
): RunService {
  return {
    async open(actor, { companyId, agentId }, input) {
      const mint = requireTokens(tokens)
      // Before any look-up, so that a key learns nothing about other agents.
      if (actor.kind === 'agent_key' && actor.agentId !== agentId) throw new AppError('forbidden')
      const run: NewRun = {
        id: newId(),
        companyId,
        agentId,
        projectId: input.projectId ?? null,
        openedBy: openerOf(actor),
        ttlSeconds: input.ttlSeconds ?? limits.runSecondsDefault,
        leaseSeconds: input.leaseSeconds ?? null
      }
      const view = await mutate(async (tx) => {
        await requireRunnable(tx, run)
        const opened = await insertRun(tx, run)
        await insertOutbox(tx, [runActivity(actor, 'run.opened', opened)])
        return opened
      })
      return { run: view, token: mint(view), expiresAt: view.expiresAt }
    },
    list: (companyId, page) => listRunRows(db, companyId, page),
    async get(id) {
      const run = await findRun(db, id)
      if (run === undefined) throw new AppError('not_found')
      return run
    },
    async renew(actor, id, { ttlSeconds }) {
      if (actor.kind !== 'run' || actor.runId !== id.runId) throw new AppError('not_found')
      const mint = ttlSeconds === undefined ? null : requireTokens(tokens)
      const renewed = await renewRunRow(db, id.runId, { ttlSeconds })
      if (renewed === undefined) throw new AppError('run_closed')
      const { run, extended } = renewed
      const token = extended && mint !== null ? { token: mint(run) } : {}
      return { run, expiresAt: run.expiresAt, ...token }
    },
    async finish(actor, id, { status }) {
      return await mutate(async (tx) => {
        const before = await findRun(tx, id)
        if (before === undefined || !mayFinish(actor, before)) throw new AppError('not_found')
        // Past its time it was closed before anybody asked, whether or not that was written down yet.
        const expired = await expireRunRows(tx, { runId: id.runId, rowsMax: 1 })
        await insertOutbox(
          tx,
          expired.map((run) => runActivity('system', 'run.expired', run))
        )
        const finished = await finishRunRow(tx, id, status)
        if (finished !== undefined) await insertOutbox(tx, [finishedActivity(actor, finished, null)])
        return finished ?? expired[0] ?? (await findRun(tx, id)) ?? before
      })
    }
  }
}

/** Proves, until the transaction ends, that company, agent and project are there, active, and belong together. */
async function requireRunnable(tx: Tx<GatewayDatabase>, run: NewRun): Promise<void> {
  await requireActiveCompany(tx, run.companyId)
  const status = await holdAgentStatus(tx, run)
  if (status === undefined) throw new AppError('not_found')
  if (status !== 'active') throw new AppError('agent_inactive', { detail: `The agent is ${status}.` })
  const { companyId, projectId } = run
  if (projectId !== null && !(await holdProject(tx, { companyId, projectId })))
    throw new AppError('project_invalid', {
      detail: 'There is no such project in this company.',
      errors: [{ pointer: '/projectId', message: 'is not a project of this company' }]
    })
}

function requireTokens(tokens: RunTokens | null): (run: RunView) => string {
  if (tokens === null)
    throw new AppError('run_tokens_unavailable', {
      detail: 'Set PAPERCLIP_AGENT_JWT_SECRET and start the gateway again.'
    })
  return (run) =>
    tokens.mint({
      runId: run.id,
      agentId: run.agentId,
      companyId: run.companyId,
      tokenId: newId(),
      expiresAtSeconds: Date.parse(run.expiresAt) / 1000
    })
}

function mayFinish(actor: Actor, run: RunView): boolean {
  if (actor.kind === 'run') return actor.runId === run.id
  if (actor.kind === 'agent_key') return actor.agentId === run.agentId
  return actor.kind === 'board'
}

function openerOf(actor: Actor): OpenedBy {
  const actorId = actorIdOf(actor)
  if (actor.kind === 'anon' || actorId === null) throw new AppError('unauthenticated')
  const { kind, id } = credentialOf(actor)
  return {
    actorType: actor.kind === 'board' ? 'user' : 'agent',
    actorId,
    credentialKind: kind,
    credentialId: id
  }
}
