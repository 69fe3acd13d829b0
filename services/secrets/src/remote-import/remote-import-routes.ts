import { commitRemoteImport, previewRemoteImport } from '@paperclip/contracts'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { RemoteImportPreviewer } from './remote-import-preview.js'
import type { RemoteImportService } from './remote-import-service.js'

interface Deps {
  importPreviews: RemoteImportPreviewer
  remoteImports: RemoteImportService
}

/** Linking what lies at a provider already: looking at it, and then the links. */
export const remoteImportRoutes: FastifyPluginAsyncTypebox<Deps> = async (
  app,
  { importPreviews, remoteImports }
) => {
  app.route({
    ...mount(prefix, previewRemoteImport),
    handler: async ({ caller, params: { companyId }, body }) =>
      importPreviews.preview(caller, companyId, body)
  })

  app.route({
    ...mount(prefix, commitRemoteImport),
    handler: async ({ caller, params: { companyId }, body }) => remoteImports.commit(caller, companyId, body)
  })
}
