import {
  createSecret,
  deleteSecret,
  getSecret,
  listSecretCatalog,
  listSecrets as listSecretsRoute,
  rotateSecret,
  updateSecret
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { type CursorCodec, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { loadPage } from '../page.js'
import { prefix } from '../prefix.js'
import type { SecretService } from './secret-service.js'
import { listCatalog, listSecrets } from './secret-store.js'
import { toSecretView } from './secret-view.js'

interface Deps {
  db: Db<SecretsDatabase>
  secrets: SecretService
  cursors: CursorCodec
}

/** Secrets: metadata in and out, values in only. */
export const secretRoutes: FastifyPluginAsyncTypebox<Deps> = async (app, { db, secrets, cursors }) => {
  app.route({
    ...mount(prefix, listSecretsRoute),
    handler: async ({ params: { companyId }, query }, reply) => {
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'secrets', of: companyId },
        query,
        publicPath: `/api/companies/${companyId}/secrets`,
        // No rule between route and rows: the company was checked, and the store takes it.
        load: (after, rowsMax) => listSecrets(db, companyId, { filter: query, after, rowsMax }),
        positionOf: (row) => row.id
      })
      return reply.send(rows.map(toSecretView))
    }
  })

  app.route({
    ...mount(prefix, listSecretCatalog),
    handler: async ({ params: { companyId }, query, caller: { actor } }, reply) => {
      const boundTo =
        actor.type === 'agent' ? [actor.agentId, actor.projectId].filter((id) => id !== null) : null
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'catalog', of: `${companyId} ${boundTo?.join(' ') ?? ''}` },
        query,
        publicPath: `/api/companies/${companyId}/secrets/catalog`,
        load: (after, rowsMax) => listCatalog(db, companyId, { boundTo, after, rowsMax }),
        positionOf: (row) => row.id
      })
      return reply.send(rows)
    }
  })

  app.route({
    ...mount(prefix, createSecret),
    handler: async ({ caller, params: { companyId }, body }, reply) =>
      reply.code(201).send(await secrets.create(caller, companyId, body))
  })

  app.route({
    ...mount(prefix, getSecret),
    handler: async ({ caller, params: { id } }) => toSecretView(await secrets.get(caller, id))
  })

  app.route({
    ...mount(prefix, updateSecret),
    handler: async ({ caller, params: { id }, body }) => secrets.update(caller, id, body)
  })

  app.route({
    ...mount(prefix, deleteSecret),
    handler: async ({ caller, params: { id }, query }, reply) => {
      const remote = await secrets.delete(caller, id, { force: query.force ?? false })
      return reply.send({ ok: true, remote })
    }
  })

  app.route({
    ...mount(prefix, rotateSecret),
    handler: async ({ caller, params: { id }, body }) => secrets.rotate(caller, id, body)
  })
}
