import { deliverOutbox } from '@paperclip/contracts'
import type { SecretsHop } from '../vault/secrets-hop.js'
import type { OutboxEntry } from './activity.js'
import type { DeliveryOutcome } from './outbox-relay.js'

/** Below the lease of the relay, so that nobody else delivers the same rows meanwhile. */
const deliveryMsMax = 5_000
/** The receiver understood the request and will not take it: the rows are at fault, not the way. */
const refusals = new Set([400, 413, 422])

/** Makes the relay's way to the secrets service. */
export function outboxDelivery(hop: SecretsHop): (entries: OutboxEntry[]) => Promise<DeliveryOutcome> {
  return async (entries) => {
    try {
      const reply = await hop.sendAsGateway({
        route: deliverOutbox,
        body: JSON.stringify({ items: entries }),
        deadlineMs: deliveryMsMax,
        // Applied once by id, so that a second sending does no harm.
        idempotent: true
      })
      if (reply.status === 200) return 'applied'
      return refusals.has(reply.status) ? 'refused' : 'unavailable'
    } catch {
      return 'unavailable'
    }
  }
}
