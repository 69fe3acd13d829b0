import { getMasterKeys, retireMasterKey, rotateMasterKey } from '@paperclip/contracts'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { MasterKeyService } from './master-key-service.js'
import { viewProcess } from './master-key-view.js'

/** Rotation of the master key, for instance admins. No key ever travels: they are named by id. */
export const masterKeyRoutes: FastifyPluginAsyncTypebox<{ masterKeyService: MasterKeyService }> = async (
  app,
  { masterKeyService }
) => {
  app.route({
    ...mount(prefix, getMasterKeys),
    handler: async () => {
      const { keys, holders } = await masterKeyService.list()
      return { keys, processes: holders.map(viewProcess) }
    }
  })

  app.route({
    ...mount(prefix, rotateMasterKey),
    handler: async ({ caller, body }) => masterKeyService.rotate(caller, body)
  })

  app.route({
    ...mount(prefix, retireMasterKey),
    handler: async ({ caller, params: { masterKeyId } }) => masterKeyService.retire(caller, masterKeyId)
  })
}
