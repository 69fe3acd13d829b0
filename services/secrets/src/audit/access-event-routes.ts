import {
  type AccessEventView,
  eventId,
  listCompanyAccessEvents,
  listSecretAccessEvents
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { type CursorCodec, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { loadPage } from '../page.js'
import { prefix } from '../prefix.js'
import type { SecretService } from '../secret/secret-service.js'
import { type AccessEventRow, listAccessEvents } from './access-event-store.js'

interface Deps {
  db: Db<SecretsDatabase>
  secrets: SecretService
  cursors: CursorCodec
}

/** Who got, or was refused, which secret. */
export const accessEventRoutes: FastifyPluginAsyncTypebox<Deps> = async (app, { db, secrets, cursors }) => {
  app.route({
    ...mount(prefix, listCompanyAccessEvents),
    handler: async ({ params: { companyId }, query }, reply) => {
      const publicPath = `/api/companies/${companyId}/secret-access-events`
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'access-events', of: companyId },
        query,
        publicPath,
        load: (after, rowsMax) => listAccessEvents(db, companyId, { filter: query, after, rowsMax }),
        positionOf: idOf
      })
      return reply.send(rows.map(toView))
    }
  })

  app.route({
    ...mount(prefix, listSecretAccessEvents),
    handler: async ({ caller, params: { id }, query }, reply) => {
      const { company_id: companyId } = await secrets.get(caller, id, { deleted: 'shown' })
      const publicPath = `/api/secrets/${id}/access-events`
      // The secret goes into the filter of the statement only: the link repeats what the client sent.
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'access-events', of: id },
        query,
        publicPath,
        load: (after, rowsMax) =>
          listAccessEvents(db, companyId, { filter: { ...query, secretId: id }, after, rowsMax }),
        positionOf: idOf
      })
      return reply.send(rows.map(toView))
    }
  })
}

function idOf(row: AccessEventRow): string {
  return eventId(row.resolve_id, row.ordinal)
}

function toView(row: AccessEventRow): AccessEventView {
  return {
    id: idOf(row),
    companyId: row.company_id,
    secretId: row.secret_id,
    secretKey: row.secret_key,
    version: row.version,
    provider: row.provider,
    actorType: row.actor_type,
    actorId: row.actor_id,
    openedBy: row.opened_by,
    targetType: row.target_type,
    targetId: row.target_id,
    configPath: row.config_path,
    runId: row.run_id,
    outcome: row.outcome,
    code: row.code,
    followsEventId: row.follows_event_id,
    requestId: row.request_id,
    createdAt: row.created_at.toISOString()
  }
}
