import type { AgentView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { revokeAgentKeys } from '../agent-key/agent-key-store.js'
import type { Actor } from '../auth/actor.js'
import { requireRow } from '../auth/authorize.js'
import type { AgentStatus, GatewayDatabase } from '../database.js'
import { activityOf } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { closeRunsOf } from '../run/run-closing.js'
import { agentActivity } from './agent-service.js'
import { findAgent, moveAgent } from './agent-store.js'

interface Move {
  from: readonly AgentStatus[]
  to: AgentStatus
  action: 'agent.paused' | 'agent.resumed' | 'agent.terminated'
}

const moves = {
  pause: { from: ['active'], to: 'paused', action: 'agent.paused' },
  resume: { from: ['paused'], to: 'active', action: 'agent.resumed' },
  terminate: { from: ['active', 'paused'], to: 'terminated', action: 'agent.terminated' }
} as const satisfies Record<string, Move>

/** Moves agents between their states. */
export interface AgentStates {
  /** Pausing and terminating close the agent's runs; terminating revokes its keys. `state_conflict` from elsewhere. */
  move(actor: Actor, id: string, verb: keyof typeof moves): Promise<AgentView>
}

/** Makes the mover. */
export function createAgentStates(db: Db<GatewayDatabase>, mutate: Mutate): AgentStates {
  return {
    async move(actor, id, verb) {
      requireRow(actor, await findAgent(db, id), 'operator')
      const { from, to, action }: Move = moves[verb]
      return await mutate(async (tx) => {
        const agent = await moveAgent(tx, id, { from, to })
        if (agent === undefined) throw await whyNot(tx, id, verb)
        await insertOutbox(tx, [agentActivity(actor, action, agent)])
        if (to !== 'active') await stopAgent(tx, actor, agent)
        return agent
      })
    }
  }
}

async function stopAgent(tx: Tx<GatewayDatabase>, actor: Actor, agent: AgentView): Promise<void> {
  const terminated = agent.status === 'terminated'
  const reason = terminated ? 'agent_terminated' : 'agent_paused'
  await closeRunsOf(tx, { agentId: agent.id }, { author: actor, reason })
  if (!terminated) return
  const keys = await revokeAgentKeys(tx, { agentId: agent.id })
  await insertOutbox(
    tx,
    keys.map((key) =>
      activityOf(actor, {
        companyId: agent.companyId,
        action: 'agent_key.revoked',
        entityType: 'agent_key',
        entityId: key.id,
        metadata: { agentId: agent.id, name: key.name, reason }
      })
    )
  )
}

async function whyNot(tx: Tx<GatewayDatabase>, id: string, verb: string): Promise<AppError> {
  const agent = await findAgent(tx, id)
  if (agent === undefined) return new AppError('not_found')
  return new AppError('state_conflict', { detail: `The agent is ${agent.status}: it cannot ${verb}.` })
}
