import { listDeclaredEnvironments } from '@paperclip/contracts'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { DeclarationService } from './declaration-service.js'

/** What the environments of a company need, for the gateway, which knows whose they are. */
export const declarationRoutes: FastifyPluginAsyncTypebox<{ declarations: DeclarationService }> = async (
  app,
  { declarations }
) => {
  app.route({
    ...mount(prefix, listDeclaredEnvironments),
    handler: ({ params: { companyId } }) => declarations.list(companyId)
  })
}
