import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { runActivity } from './run-closing.js'
import { expireRunRows } from './run-store.js'

/** How often runs past their time are looked for. Their tokens stopped working before, by the clock. */
export const runExpiryIntervalMs = 5_000

/** Rows a transaction closes, so that none is long. */
const rowsMax = 200

/** Closes every run that is past its time, records each once, and gives how many; safe on many gateways at once. */
export async function expireRuns(mutate: Mutate): Promise<number> {
  let closed = 0
  for (;;) {
    const count = await mutate(async (tx) => {
      const runs = await expireRunRows(tx, { rowsMax })
      await insertOutbox(
        tx,
        runs.map((run) => runActivity('system', 'run.expired', run))
      )
      return runs.length
    })
    closed += count
    if (count < rowsMax) return closed
  }
}
