import { listRunSecrets as listRunSecretsRoute, revealRunSecret } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { prefix } from '../prefix.js'
import { askedBy, runOf } from './resolve-routes.js'
import type { RevealService } from './reveal-service.js'
import { listRunSecrets } from './run-secret-store.js'

/** What a run may see and fetch one by one. */
export const revealRoutes: FastifyPluginAsyncTypebox<{
  db: Db<SecretsDatabase>
  reveals: RevealService
}> = async (app, { db, reveals }) => {
  app.route({
    ...mount(prefix, listRunSecretsRoute),
    handler: async ({ caller }) => {
      const rows = await listRunSecrets(db, runOf(caller.actor))
      return {
        secrets: rows.map((row) => ({
          secretRef: `$secret:${row.key}`,
          key: row.key,
          name: row.name,
          description: row.description,
          configPath: row.config_path,
          latestVersion: row.latest_version,
          versionSelector: row.pin ?? ('latest' as const),
          resolvedVersion: row.resolved_version
        }))
      }
    }
  })

  app.route({
    ...mount(prefix, revealRunSecret),
    handler: async ({ caller, params: { key } }, reply) => {
      const { companyId, agentId, projectId, runId } = runOf(caller.actor)
      const request = { ...askedBy(caller), companyId, targetId: agentId, projectId, runId }
      return reply.header('cache-control', 'no-store').send(await reveals.reveal(request, key.toLowerCase()))
    }
  })
}
