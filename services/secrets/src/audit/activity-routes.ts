import {
  type ActivityView,
  exportActivityCsv,
  listActivity as listActivityRoute,
  listInstanceActivity
} from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { AppError, type CursorCodec, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { claimNonce } from '../nonce/nonce-store.js'
import { loadPage } from '../page.js'
import { prefix } from '../prefix.js'
import { activityCsv } from './activity-csv.js'
import { type ActivityRow, insertActivity, listActivity } from './activity-store.js'

/** One export is built in memory; a longer log is exported by ranges of time. */
const exportRowsMax = 50_000

/** The record of mutations. Nothing here writes on behalf of a caller. */
export const activityRoutes: FastifyPluginAsyncTypebox<{
  db: Db<SecretsDatabase>
  cursors: CursorCodec
}> = async (app, { db, cursors }) => {
  app.route({
    ...mount(prefix, listActivityRoute),
    handler: async ({ params: { companyId }, query }, reply) => {
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'activity', of: companyId },
        query,
        publicPath: `/api/companies/${companyId}/activity`,
        load: (after, rowsMax) => listActivity(db, { companyId }, { filter: query, after, rowsMax }),
        positionOf: (row) => row.id
      })
      return reply.send(rows.map(toView))
    }
  })

  app.route({
    ...mount(prefix, listInstanceActivity),
    handler: async ({ query }, reply) => {
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'activity', of: 'instance' },
        query,
        publicPath: '/api/admin/activity',
        load: (after, rowsMax) => listActivity(db, 'instance', { filter: query, after, rowsMax }),
        positionOf: (row) => row.id
      })
      return reply.send(rows.map(toView))
    }
  })

  app.route({
    ...mount(prefix, exportActivityCsv),
    handler: async ({ caller, params: { companyId }, query }, reply) => {
      const csv = await transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          const page = { filter: query, after: null, rowsMax: exportRowsMax + 1 }
          const rows = await listActivity(tx, { companyId }, page)
          if (rows.length > exportRowsMax)
            throw new AppError('export_too_large', {
              detail: `More than ${exportRowsMax} rows. Narrow it down with "from" and "to".`
            })
          const entity = { companyId, entityType: 'company', entityId: companyId }
          await insertActivity(tx, caller, {
            ...entity,
            action: 'audit.exported',
            metadata: { rows: rows.length }
          })
          return activityCsv(rows)
        },
        { attemptsMax: 1 }
      )
      return reply
        .header('content-type', 'text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="activity.csv"')
        .serializer((payload: string) => payload)
        .send(csv)
    }
  })
}

function toView(row: ActivityRow): ActivityView {
  return {
    id: row.id,
    companyId: row.company_id,
    action: row.action,
    actorType: row.actor_type,
    actorId: row.actor_id,
    entityType: row.entity_type,
    entityId: row.entity_id,
    runId: row.run_id,
    metadata: row.metadata,
    timestamp: row.timestamp.toISOString()
  }
}
