import { resolveRunEnvironment } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import { Pool } from 'undici'
import { createRemoteAgents, type OneValueAgent, type RemoteAgents } from '../data/remote-agents.js'
import { median } from '../load/interleave.js'
import { openRemoteControl } from '../remote/remote-control.js'
import { withClient } from '../stand/database.js'
import { format, type Verdict } from '../verdict.js'
import type { GoalContext } from './goal-context.js'

const addedTargetMs = 1
const callsTarget = 1
const atOnce = 100
const samples = 1_000
const warmUpSamples = 300
const tail = 0.99
const recordedMsMax = 5_000

/** P9: what a value at AWS costs besides the time AWS takes, and what a hundred who want the same one ask of it. */
export async function measureRemote(context: GoalContext): Promise<Verdict[]> {
  const { stand, say } = context
  say('P9: a value at a stub of AWS against a local one')
  const agents = await createRemoteAgents(stand)
  const gateway = new Pool(stand.gatewayOrigin, { connections: atOnce + 1 })
  const stub = new Pool(stand.remoteOrigin, { connections: 1 })
  try {
    const added = await measureAdded(context, { agents, gateway, stub })
    return [added, ...(await measureShared(context, { agents, gateway }))]
  } finally {
    await Promise.all([gateway.close(), stub.close()])
  }
}

/**
 * One request at a time, three in a round and each first as often as the others: the remote value, the local value,
 * and the bare call that the service makes for the remote one, by undici from this process. The figure is the median
 * over the rounds of the first less both others.
 */
async function measureAdded(
  { say }: GoalContext,
  { agents, gateway, stub }: { agents: RemoteAgents; gateway: Pool; stub: Pool }
): Promise<Verdict> {
  const kinds = [
    () => resolve(gateway, agents.remote),
    () => resolve(gateway, agents.local),
    () => readStub(stub, agents)
  ]
  const rounds: number[][] = []
  for (let n = -warmUpSamples; n < samples; n++) {
    const round: number[] = []
    for (let place = 0; place < kinds.length; place++) {
      const kind = (place + n + warmUpSamples) % kinds.length
      const startedMs = performance.now()
      await kinds[kind]?.()
      round[kind] = performance.now() - startedMs
    }
    if (n >= 0) rounds.push(round)
  }
  const of = (kind: number) => rounds.map((round) => round[kind] ?? Number.NaN)
  const [remoteMs, localMs, stubMs] = [of(0), of(1), of(2)]
  const addedMs = remoteMs.map((ms, n) => ms - (localMs[n] ?? Number.NaN) - (stubMs[n] ?? Number.NaN))
  const both = (values: number[]) => `${format(median(values))} (p99 ${format(percentile(values, tail))}) ms`
  say(`  remote ${both(remoteMs)}, local ${both(localMs)}, stub ${both(stubMs)}, added ${both(addedMs)}`)
  return {
    ...{ goal: 'P9', what: 'p50 added to the stub, 1 at once', unit: ' ms', bound: 'at most' },
    yardstick: `local ${format(median(localMs))} + stub ${format(median(stubMs))} ms`,
    product: `${format(median(remoteMs))} ms; added p99 ${format(percentile(addedMs, tail))} ms`,
    value: median(addedMs),
    target: addedTargetMs
  }
}

/**
 * All at once through the gateway while the stub holds its answers until the database has every access on record:
 * only then is it certain that all of them wanted the value at the same time.
 */
async function measureShared(
  { stand, say }: GoalContext,
  { agents, gateway }: { agents: RemoteAgents; gateway: Pool }
): Promise<Verdict[]> {
  const control = openRemoteControl(stand.remoteOrigin)
  const before = { reads: await control.reads(), events: await countEvents(stand, agents) }
  await control.hold()
  const resolving = Promise.all(Array.from({ length: atOnce }, () => resolve(gateway, agents.remote)))
  try {
    const recorded = eventually(
      async () => {
        const events = (await countEvents(stand, agents)) - before.events
        if (events < atOnce) throw new Error(`${events} of ${atOnce} accesses are on record`)
      },
      { deadlineMs: recordedMsMax }
    )
    // A request that fails ends the wait.
    await Promise.race([recorded, resolving])
    // The last ones were recorded, not yet heard of: this one comes after them, the same way.
    await resolve(gateway, agents.local)
  } finally {
    await control.release()
  }
  await resolving
  const reads = (await control.reads()) - before.reads
  // The local value's event is the one more.
  const events = (await countEvents(stand, agents)) - before.events - 1
  say(`  ${atOnce} at once: ${reads} calls, ${events} events`)
  const common = { goal: 'P9', yardstick: '', product: `${atOnce} of ${atOnce} have the value` } as const
  return [
    {
      ...{ ...common, what: `GetSecretValue for ${atOnce} at once`, unit: '', bound: 'at most' },
      ...{ value: reads, target: callsTarget }
    },
    {
      ...{ ...common, what: `events of ${atOnce} at once`, unit: '', bound: 'at least' },
      ...{ value: events, target: atOnce }
    }
  ]
}

function countEvents({ database }: GoalContext['stand'], { companyId }: RemoteAgents): Promise<number> {
  return withClient(database.adminUrl, async (admin) => {
    const { rows } = await admin.query<{ events: number }>(
      "select count(*)::int as events from secrets.secret_access_events where company_id = $1 and outcome = 'success'",
      [companyId]
    )
    return rows[0]?.events ?? 0
  })
}

/** Throws unless the run gets its one value. */
async function resolve(gateway: Pool, { runToken, value }: OneValueAgent): Promise<void> {
  const { statusCode, body } = await gateway.request({
    method: resolveRunEnvironment.method,
    path: `/api${resolveRunEnvironment.path}`,
    headers: { authorization: `Bearer ${runToken}` }
  })
  const reply = (await body.json()) as { env?: { VALUE?: string }; code?: string }
  if (statusCode !== 200 || reply.env?.VALUE !== value)
    throw new Error(`a resolve was answered ${statusCode} ${reply.code ?? 'with another value'}`)
}

/** The call as it would be without this product, and without a signature. */
async function readStub(stub: Pool, { remoteName, remote }: RemoteAgents): Promise<void> {
  const { statusCode, body } = await stub.request({
    method: 'POST',
    path: '/',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue'
    },
    body: JSON.stringify({ SecretId: remoteName })
  })
  const reply = (await body.json()) as { SecretString?: string }
  if (statusCode !== 200 || reply.SecretString !== remote.value)
    throw new Error(`the stub answered ${statusCode}`)
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN
}
