import { ClientError, type GatewayClient } from '@paperclip/client'
import { renewRun } from '@paperclip/contracts'

/** A lease is renewed after this part of it, so that two attempts may fail. */
const renewAfterPart = 1 / 3

/** After a failure sooner: a gateway that restarts is away for seconds. */
const retryAfterPart = 1 / 12

export interface LeaseOptions {
  /** Holds the run's token; its deadline must be well below the lease. */
  readonly client: GatewayClient
  readonly companyId: string
  readonly runId: string
  readonly leaseSeconds: number
  /** Called once, when the server says that the run or its token is no longer good. */
  readonly onClosed: (error: ClientError) => void
  /** Called at the first failure of a row of failures. */
  readonly onTrouble: (error: unknown) => void
}

/** Renews a run's lease until stopped or told that the run is closed. Returns what stops it. */
export function keepLease(options: LeaseOptions): () => void {
  const { client, companyId, runId, leaseSeconds, onClosed, onTrouble } = options
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let inTrouble = false

  const schedule = (part: number) => {
    if (!stopped) timer = setTimeout(() => void renew(), leaseSeconds * 1000 * part)
  }
  async function renew(): Promise<void> {
    try {
      await client.call(renewRun, { params: { companyId, runId }, body: {} })
      inTrouble = false
      schedule(renewAfterPart)
    } catch (error) {
      if (stopped) return
      if (error instanceof ClientError && closedStatuses.has(error.status)) {
        onClosed(error)
        return
      }
      if (!inTrouble) onTrouble(error)
      inTrouble = true
      schedule(retryAfterPart)
    }
  }
  schedule(renewAfterPart)
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

/** The token is refused, or the run is not one it may renew: no later attempt can go better. */
const closedStatuses: ReadonlySet<number> = new Set([401, 403, 404])
