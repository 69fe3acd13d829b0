import { getSecretUsage } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { prefix } from '../prefix.js'
import type { SecretService } from '../secret/secret-service.js'
import { listUsage } from './binding-store.js'

const bindingsMax = 10_000

/** Where secrets are bound. Labels and states of targets are the gateway's to fill in. */
export const bindingRoutes: FastifyPluginAsyncTypebox<{
  db: Db<SecretsDatabase>
  secrets: SecretService
}> = async (app, { db, secrets }) => {
  app.route({
    ...mount(prefix, getSecretUsage),
    handler: async ({ caller, params: { id } }) => {
      const { company_id: companyId } = await secrets.get(caller, id)
      const rows = await listUsage(db, { companyId, secretId: id, rowsMax: bindingsMax })
      return {
        secretId: id,
        bindings: rows.map((row) => ({
          id: row.id,
          targetType: row.target_type,
          targetId: row.target_id,
          configPath: row.config_path,
          versionSelector: row.version ?? ('latest' as const),
          target: { type: row.target_type, id: row.target_id, label: null, status: null }
        }))
      }
    }
  })
}
