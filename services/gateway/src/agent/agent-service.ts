import {
  type ActorContext,
  type AgentView,
  type CreateAgent,
  newId,
  type UpdateAgent
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import { requireRow } from '../auth/authorize.js'
import { requireActiveCompany } from '../company/company-service.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf, type GatewayAction, type OutboxEntry, targetDeleted } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { closeRunsOf } from '../run/run-closing.js'
import { cleanName } from '../text.js'
import type { AgentEnvironments } from './agent-environment.js'
import {
  deleteAgentRow,
  findAgent,
  insertAgent,
  listAgentRows,
  lockAgent,
  updateAgentRow
} from './agent-store.js'
import { deletePendingEnvironment } from './pending-environment-store.js'

/** Who acts, and the form of that which goes to the secrets service. */
export interface Caller {
  actor: Actor
  /** For a company route; the id of the company of the agent. */
  contextFor(companyId: string): ActorContext
}

/** Rules of agents; their states are in `agent-state.ts`. */
export interface AgentService {
  list(actor: Actor, companyId: string, page: PageRequest): Promise<AgentView[]>
  create(caller: Caller, companyId: string, input: CreateAgent): Promise<AgentView>
  get(actor: Actor, id: string): Promise<AgentView>
  update(caller: Caller, id: string, input: UpdateAgent): Promise<AgentView>
  delete(actor: Actor, id: string): Promise<void>
}

/** What an agent runs in when nobody says. */
const adapterTypeDefault = 'process'

/** Makes the service. */
export function createAgentService(
  db: Db<GatewayDatabase>,
  mutate: Mutate,
  environments: AgentEnvironments
): AgentService {
  return {
    list: (actor, companyId, page) =>
      listAgentRows(
        db,
        companyId,
        page,
        actor.kind === 'agent_key' || actor.kind === 'run' ? actor.agentId : null
      ),
    get: async (actor, id) => requireRow(actor, await findAgent(db, id), 'operator'),
    async create({ actor, contextFor }, companyId, { name, adapterType, env }) {
      const id = newId()
      const agent = {
        id,
        company_id: companyId,
        name: cleanName(name, '/name'),
        adapter_type: cleanName(adapterType ?? adapterTypeDefault, '/adapterType')
      }
      if (env !== undefined) {
        await mutate((tx) => requireActiveCompany(tx, companyId))
        await environments.putPending({ companyId, agentId: id }, env, contextFor(companyId))
      }
      return await mutate(async (tx) => {
        await requireActiveCompany(tx, companyId)
        if (env !== undefined && !(await deletePendingEnvironment(tx, id)))
          throw new AppError('secrets_unavailable', {
            detail: 'Creating the agent took too long. Try again.'
          })
        const view = await insertAgent(tx, agent)
        await insertOutbox(tx, [agentActivity(actor, 'agent.created', view)])
        return view
      })
    },
    async update({ actor, contextFor }, id, { name, adapterType, env }) {
      const change = {
        ...(name === undefined ? {} : { name: cleanName(name, '/name') }),
        ...(adapterType === undefined ? {} : { adapter_type: cleanName(adapterType, '/adapterType') })
      }
      const { companyId } = requireRow(actor, await findAgent(db, id), 'operator')
      if (env !== undefined) await environments.put({ companyId, agentId: id }, env, contextFor(companyId))
      const view = await mutate(async (tx) => {
        const changed = await updateAgentRow(tx, id, change)
        if (changed !== undefined) await insertOutbox(tx, [agentActivity(actor, 'agent.updated', changed)])
        // Deleted meanwhile: what was just written must go after it.
        else if (env !== undefined) await insertOutbox(tx, [targetDeleted(companyId, 'agent', id)])
        return changed
      })
      if (view === undefined) throw new AppError('not_found')
      return view
    },
    async delete(actor, id) {
      const agent = requireRow(actor, await findAgent(db, id), 'operator')
      await mutate(async (tx) => {
        if (!(await lockAgent(tx, id))) throw new AppError('not_found')
        await closeRunsOf(tx, { agentId: id }, { author: actor, reason: 'agent_deleted' })
        await deleteAgentRow(tx, id)
        await insertOutbox(tx, [
          agentActivity(actor, 'agent.deleted', agent),
          targetDeleted(agent.companyId, 'agent', id)
        ])
      })
    }
  }
}

/** Makes the activity row of an agent. */
export function agentActivity(actor: Actor, action: GatewayAction, agent: AgentView): OutboxEntry {
  return activityOf(actor, {
    companyId: agent.companyId,
    action,
    entityType: 'agent',
    entityId: agent.id,
    metadata: { name: agent.name, adapterType: agent.adapterType }
  })
}
