import {
  checkVaultHealth,
  createVault,
  disableVault,
  getVault,
  listVaults as listVaultsRoute,
  setDefaultVault,
  updateVault
} from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { type CursorCodec, type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { loadPage } from '../page.js'
import { prefix } from '../prefix.js'
import type { VaultHealthService } from './vault-health-service.js'
import type { VaultService } from './vault-service.js'
import { listVaults } from './vault-store.js'
import { toVaultView } from './vault-view.js'

interface Deps {
  db: Db<SecretsDatabase>
  vaults: VaultService
  vaultHealth: VaultHealthService
  cursors: CursorCodec
}

/** Provider vaults: where values may lie, and nothing secret. */
export const vaultRoutes: FastifyPluginAsyncTypebox<Deps> = async (
  app,
  { db, vaults, vaultHealth, cursors }
) => {
  app.route({
    ...mount(prefix, listVaultsRoute),
    handler: async ({ params: { companyId }, query }, reply) => {
      const rows = await loadPage(reply, {
        cursors,
        scope: { list: 'vaults', of: companyId },
        query,
        publicPath: `/api/companies/${companyId}/secret-provider-configs`,
        load: (after, rowsMax) => listVaults(db, companyId, { after, rowsMax }),
        positionOf: (row) => row.id
      })
      return reply.send(rows.map(toVaultView))
    }
  })

  app.route({
    ...mount(prefix, createVault),
    handler: async ({ caller, params: { companyId }, body }, reply) =>
      reply.code(201).send(toVaultView(await vaults.create(caller, companyId, body)))
  })

  app.route({
    ...mount(prefix, getVault),
    handler: async ({ caller, params: { id } }) => toVaultView(await vaults.get(caller, id))
  })

  app.route({
    ...mount(prefix, updateVault),
    handler: async ({ caller, params: { id }, body }) => toVaultView(await vaults.update(caller, id, body))
  })

  app.route({
    ...mount(prefix, disableVault),
    handler: async ({ caller, params: { id } }) => toVaultView(await vaults.disable(caller, id))
  })

  app.route({
    ...mount(prefix, setDefaultVault),
    handler: async ({ caller, params: { id } }) => toVaultView(await vaults.setDefault(caller, id))
  })

  app.route({
    ...mount(prefix, checkVaultHealth),
    handler: async ({ caller, params: { id } }) => vaultHealth.check(caller, id)
  })
}
