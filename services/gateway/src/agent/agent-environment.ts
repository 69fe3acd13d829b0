import { type ActorContext, type Environment, putAgentEnvironment } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import type { GatewayDatabase } from '../database.js'
import { targetDeleted } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { problemOfReply } from '../vault/hop-problem.js'
import { forwardMsMax, type SecretsHop } from '../vault/secrets-hop.js'
import {
  deletePendingEnvironment,
  insertPendingEnvironment,
  takeStalePendingEnvironments
} from './pending-environment-store.js'

/** Writes agents' environments at the secrets service, which owns them. */
export interface AgentEnvironments {
  /** Replaces the environment of an agent that exists. Throws what the secrets service refused it with. */
  put(target: { companyId: string; agentId: string }, env: Environment, actor: ActorContext): Promise<void>
  /** The same for an agent that is about to be made; until that is done, the environment is noted as pending. */
  putPending(
    target: { companyId: string; agentId: string },
    env: Environment,
    actor: ActorContext
  ): Promise<void>
}

/** How often environments are looked for whose agent never came. */
export const pendingSweepIntervalMs = 60_000

/** Longer than any request lives, so that nothing is swept that may still be finished. */
const pendingSecondsMax = 600
const sweepRowsMax = 100

/** Makes the writer. */
export function createAgentEnvironments(db: Db<GatewayDatabase>, hop: SecretsHop): AgentEnvironments {
  async function put(
    params: { companyId: string; agentId: string },
    env: Environment,
    actor: ActorContext
  ): Promise<void> {
    const reply = await hop.send({
      route: putAgentEnvironment,
      params,
      body: JSON.stringify({ env }),
      actor,
      deadlineMs: forwardMsMax
    })
    if (reply.status !== 200) throw problemOfReply(reply)
  }
  return {
    put,
    async putPending(target, env, actor) {
      await insertPendingEnvironment(db, target)
      try {
        await put(target, env, actor)
      } catch (error) {
        // Refused: nothing was saved. Anything else may have been, and is left to the sweep.
        if ((error as { status?: number }).status === 422) await deletePendingEnvironment(db, target.agentId)
        throw error
      }
    }
  }
}

/** Has environments deleted whose agent was never made; safe on many gateways at once. */
export async function sweepPendingEnvironments(mutate: Mutate): Promise<number> {
  return await mutate(async (tx) => {
    const stale = await takeStalePendingEnvironments(tx, {
      olderThanSeconds: pendingSecondsMax,
      rowsMax: sweepRowsMax
    })
    await insertOutbox(
      tx,
      stale.map(({ companyId, agentId }) => targetDeleted(companyId, 'agent', agentId))
    )
    return stale.length
  })
}
