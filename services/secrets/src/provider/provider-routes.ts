import { getSecretProvidersHealth, listSecretProviders, previewVaultDiscovery } from '@paperclip/contracts'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { ProviderService } from './provider-service.js'

/** The providers as such: what they can do, how they are, and what lies there. */
export const providerRoutes: FastifyPluginAsyncTypebox<{ providerService: ProviderService }> = async (
  app,
  { providerService }
) => {
  app.route({ ...mount(prefix, listSecretProviders), handler: async () => providerService.list() })

  app.route({
    ...mount(prefix, getSecretProvidersHealth),
    handler: async ({ params: { companyId } }) => ({
      providers: await providerService.checkHealth(companyId)
    })
  })

  app.route({
    ...mount(prefix, previewVaultDiscovery),
    handler: async ({ caller, body }) => providerService.preview(caller, body)
  })
}
