import {
  destroySecretVersion,
  disableSecretVersion,
  enableSecretVersion,
  listSecretVersions,
  type SecretVersionView
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { type CursorCodec, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { loadPage } from '../page.js'
import { prefix } from '../prefix.js'
import type { SecretService } from '../secret/secret-service.js'
import type { VersionService } from './version-service.js'
import { listVersions, type VersionRow } from './version-store.js'

interface Deps {
  db: Db<SecretsDatabase>
  secrets: SecretService
  versions: VersionService
  cursors: CursorCodec
}

/** The versions of a secret, and their states. */
export const versionRoutes: FastifyPluginAsyncTypebox<Deps> = async (app, deps) => {
  const { db, secrets, versions, cursors } = deps
  app.route({
    ...mount(prefix, listSecretVersions),
    handler: async ({ caller, params: { id }, query }, reply) => {
      const { company_id: companyId } = await secrets.get(caller, id)
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'versions', of: id },
        query,
        publicPath: `/api/secrets/${id}/versions`,
        load: (after, rowsMax) =>
          listVersions(
            db,
            { companyId, secretId: id },
            { after: after === null ? null : Number(after), rowsMax }
          ),
        positionOf: (row) => String(row.version)
      })
      return reply.send(rows.map(toVersionView))
    }
  })

  app.route({
    ...mount(prefix, disableSecretVersion),
    handler: async ({ caller, params }) => toVersionView(await versions.disable(caller, params))
  })

  app.route({
    ...mount(prefix, enableSecretVersion),
    handler: async ({ caller, params }) => toVersionView(await versions.enable(caller, params))
  })

  app.route({
    ...mount(prefix, destroySecretVersion),
    handler: async ({ caller, params }) => toVersionView(await versions.destroy(caller, params))
  })
}

function toVersionView(row: VersionRow): SecretVersionView {
  if (row.version === null || row.status === 'pending' || row.status === 'failed')
    throw new TypeError('a version without a number is never listed')
  return {
    version: row.version,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    createdByUserId: row.created_by_user_id,
    createdByAgentId: row.created_by_agent_id,
    providerVersionRef: row.provider_version_ref
  }
}
