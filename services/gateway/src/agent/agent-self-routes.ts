import { getAgentSelf } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError, mount, type Server } from '@paperclip/server'
import type { GatewayDatabase } from '../database.js'
import { findRun } from '../run/run-store.js'
import { findAgent } from './agent-store.js'

/** What an agent asks about itself. */
export function agentSelfRoutes(app: Server, { db }: { db: Db<GatewayDatabase> }): void {
  app.route({
    ...mount('/api', getAgentSelf),
    handler: async ({ actor }) => {
      if (actor.kind !== 'agent_key' && actor.kind !== 'run') throw new AppError('forbidden')
      const agent = await findAgent(db, actor.agentId)
      // Deleted since the request was let in.
      if (agent === undefined) throw new AppError('credential_revoked')
      const { id, companyId, name, status } = agent
      const run = actor.kind === 'run' ? await findRun(db, actor) : undefined
      return { id, companyId, name, status, ...(run === undefined ? {} : { run }) }
    }
  })
}
