import { createHistogram } from 'node:perf_hooks'
import autocannon, { type CannonRequest } from 'autocannon'

/** What to send: each connection takes its own requests in turn, over and over. */
export interface Load {
  readonly origin: string
  /** Requests for one connection of so many. Called once a connection, right before a leg connects. */
  readonly requests: (connection: number, connections: number) => readonly CannonRequest[]
}

/** What one stretch of load showed. */
export interface Leg {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly requests: number
  readonly seconds: number
}

const microsecondsPerMs = 1_000

/**
 * Sends load with autocannon and measures it. Latencies are taken from its events, because its own histogram has
 * whole milliseconds only. Throws when any request failed or was refused: such a figure would say nothing.
 */
export async function drive(
  load: Load,
  { connections, seconds }: { connections: number; seconds: number }
): Promise<Leg> {
  const histogram = createHistogram()
  const statuses = new Map<number, number>()
  let errors = 0
  let opened = 0
  let lastMs = 0
  const requests = Array.from({ length: connections }, (_, index) => load.requests(index, connections))
  const cannon = autocannon({
    url: load.origin,
    connections,
    duration: seconds,
    setupClient: (client) => client.setRequests(requests[opened++ % connections] ?? [])
  })
  const startedMs = performance.now()
  cannon.on('response', (_client: unknown, status: number, _bytes: number, ms: number) => {
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    histogram.record(Math.max(1, Math.round(ms * microsecondsPerMs)))
    lastMs = performance.now()
  })
  cannon.on('reqError', () => {
    errors++
  })
  await cannon
  const refused = [...statuses].filter(([status]) => status < 200 || status > 299)
  if (errors > 0 || refused.length > 0 || histogram.count === 0)
    throw new Error(
      `load on ${load.origin}: ${errors} errors, ${refused.map(([status, n]) => `${n} × ${status}`).join(', ') || 'no refusals'}, ${histogram.count} answers`
    )
  const elapsed = (lastMs - startedMs) / 1000
  return {
    requestsPerSecond: histogram.count / elapsed,
    p50Ms: histogram.percentile(50) / microsecondsPerMs,
    p99Ms: histogram.percentile(99) / microsecondsPerMs,
    requests: histogram.count,
    seconds: elapsed
  }
}
