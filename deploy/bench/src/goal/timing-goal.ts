import { randomBytes } from 'node:crypto'
import { getAgentSelf } from '@paperclip/contracts'
import { Client } from 'undici'
import type { Verdict } from '../verdict.js'
import type { GoalContext } from './goal-context.js'

/** Below this the two are not told apart (the threshold that test-vector leakage assessment uses). */
const tTarget = 4.5
const samplesPerClass = 20_000
const warmUpSamples = 500
/** What the machine did meanwhile lies in the tail, and would hide a small difference. */
const keptShare = 0.9
const keyBytes = 32

/** T13: whether the time of a refusal tells how much of a guessed key is right. */
export async function measureTiming({ stand, data, say }: GoalContext): Promise<Verdict[]> {
  say('T13: time of refusals')
  const live = data.agentKeys[0] ?? ''
  const client = new Client(stand.gatewayOrigin)
  try {
    const close = () => timeOf(client, closeTo(live))
    const far = () => timeOf(client, `paperclip_agent_${randomBytes(keyBytes).toString('base64url')}`)
    for (let n = 0; n < warmUpSamples; n++) await far()
    const samples = { close: new Float64Array(samplesPerClass), far: new Float64Array(samplesPerClass) }
    for (let n = 0; n < samplesPerClass; n++) {
      // Which goes first alternates, so that the order is no difference between them.
      if (n % 2 === 0) samples.close[n] = await close()
      samples.far[n] = await far()
      if (n % 2 === 1) samples.close[n] = await close()
    }
    const limit = percentile([...samples.close, ...samples.far], keptShare)
    const [a, b] = [describe(samples.close, limit), describe(samples.far, limit)]
    const t = Math.abs(a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count)
    return [
      {
        ...{ goal: 'T13', what: "Welch's t of refused keys", unit: '', bound: 'at most', target: tTarget },
        yardstick: `${(b.mean * 1000).toFixed(1)} µs for a random key`,
        product: `${(a.mean * 1000).toFixed(1)} µs for all but its end of a live one`,
        value: t
      }
    ]
  } finally {
    await client.close()
  }
}

/** A live key with other characters at its end. */
function closeTo(live: string): string {
  const end = randomBytes(3).toString('base64url')
  return live.slice(0, -end.length) + end
}

async function timeOf(client: Client, token: string): Promise<number> {
  const startedMs = performance.now()
  const { statusCode, body } = await client.request({
    method: getAgentSelf.method,
    path: `/api${getAgentSelf.path}`,
    headers: { authorization: `Bearer ${token}` }
  })
  await body.arrayBuffer()
  const tookMs = performance.now() - startedMs
  if (statusCode !== 401) throw new Error(`a key that is none was answered ${statusCode}`)
  return tookMs
}

function describe(samples: Float64Array, limit: number) {
  const kept = samples.filter((sample) => sample <= limit)
  const mean = kept.reduce((sum, sample) => sum + sample, 0) / kept.length
  const variance = kept.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / (kept.length - 1)
  return { mean, variance, count: kept.length }
}

function percentile(values: number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}
