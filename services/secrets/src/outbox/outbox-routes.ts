import { deliverOutbox } from '@paperclip/contracts'
import { type FastifyPluginAsyncTypebox, mount } from '@paperclip/server'
import { prefix } from '../prefix.js'
import type { OutboxService } from './outbox-service.js'

/** Where the gateway delivers its activity rows and commands. */
export const outboxRoutes: FastifyPluginAsyncTypebox<{ outbox: OutboxService }> = async (app, { outbox }) => {
  app.route({
    ...mount(prefix, deliverOutbox),
    handler: async ({ caller, body }) => ({ applied: await outbox.apply(caller, body.items) })
  })
}
