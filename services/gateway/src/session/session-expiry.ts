import type { Mutate } from '../outbox/mutation.js'
import { deleteExpired } from './session-store.js'

/** An expired session works nowhere; what is swept is only its row. */
export const sessionSweepIntervalMs = 60_000
/** The rest waits for the next round. */
const rowsMax = 1_000

/** Clears away sessions and verifications that have expired. Safe on several gateways at once. */
export async function sweepSessions(mutate: Mutate): Promise<void> {
  await mutate((tx) => deleteExpired(tx, rowsMax))
}
