import { createSignerKey } from '@paperclip/client'
import type { Load } from '../load/drive.js'
import { interleave, median, medianRatio } from '../load/interleave.js'
import { signedResolveLoad, signResolve } from '../load/signed-load.js'
import { withClient } from '../stand/database.js'
import { openStatementCounter } from '../statement-count.js'
import { format, type Verdict } from '../verdict.js'
import { type GoalContext, runLeg, warmUp } from './goal-context.js'
import { createEventsCopy, eventsCopy } from './insert-yardstick.js'

const roundTripsTarget = 3
const commitsTarget = 1
const speedTarget = 10
const countedResolves = 20
/** More than the secrets service can answer of these in a second, on any machine so far. */
const requestsPerSecondMax = 4_000

/** P3: an environment of 20 bindings against resolving them one by one. */
export async function measureBindings(context: GoalContext): Promise<Verdict[]> {
  const { stand, data, options, say } = context
  say('P3: 20 bindings at the secrets service against one by one')
  await createEventsCopy(stand.database.adminUrl)
  const origin = await stand.startOwn('naive/naive-service', {
    BENCH_DATABASE_URL: stand.database.adminUrl,
    BENCH_COMPANY_ID: data.wideAgent.companyId,
    BENCH_AGENT_ID: data.wideAgent.agentId,
    BENCH_EVENTS: eventsCopy
  })
  const naive: Load = { origin, requests: () => [{ method: 'POST', path: '/env' }] }
  const product = (seconds: number) =>
    signedResolveLoad(stand, { agents: [data.wideAgent], requestsMax: seconds * requestsPerSecondMax })
  await warmUp(context, 'product', product(options.warmUpSeconds))
  // In between, so that what the product's load left unanswered is over before anything is counted.
  await warmUp(context, 'naive', naive)
  const verdicts = await countOneByOne(context)
  for (const connections of [1, options.connections]) {
    const at = { connections }
    const legs = await interleave(options.rounds, {
      yardstick: () => runLeg(context, `naive at ${connections}  `, naive, at),
      product: () => runLeg(context, `product at ${connections}`, product(options.legSeconds), at)
    })
    const rate = (leg: { requestsPerSecond: number }) => leg.requestsPerSecond
    verdicts.push({
      ...{
        goal: 'P3',
        what: `speed, ${connections} at once`,
        unit: '×',
        bound: 'at least',
        target: speedTarget
      },
      yardstick: `one by one ${format(median(legs.yardstick.map(rate)))} req/s`,
      product: `${format(median(legs.product.map(rate)))} req/s`,
      value: medianRatio(legs, { yardstick: rate, product: rate })
    })
  }
  return verdicts
}

/** Counts what resolves cost that come one after the other, so that none can share anything. */
async function countOneByOne({ stand, data, say }: GoalContext): Promise<Verdict[]> {
  const key = createSignerKey(stand.keys.runnerFile, { nowMs: Date.now, onReload: () => undefined }).current()
  const resolve = async () => {
    const { method, path, headers, body } = signResolve(key, stand.secretsOrigin, data.wideAgent)
    const reply = await fetch(`${stand.secretsOrigin}${path}`, {
      method,
      headers: { ...headers },
      body: body ?? null
    })
    await reply.arrayBuffer()
    if (reply.status !== 200) throw new Error(`a resolve was answered ${reply.status}`)
  }
  const events = async () =>
    await withClient(stand.database.adminUrl, async (admin) => {
      const { rows } = await admin.query<{ rows: number; commits: number }>(
        `select count(*)::int as rows, count(distinct written_in)::int as commits
         from secrets.secret_access_events where target_id = $1`,
        [data.wideAgent.agentId]
      )
      return rows[0] ?? { rows: 0, commits: 0 }
    })
  const before = await events()
  const statements = await countStatements(stand.database, async () => {
    for (let n = 0; n < countedResolves; n++) await resolve()
  })
  const after = await events()
  const commits = (after.commits - before.commits) / countedResolves
  const perCommit = (after.rows - before.rows) / (after.commits - before.commits)
  const common = { goal: 'P3', yardstick: '', unit: '', bound: 'at most' } as const
  const verdicts: Verdict[] = []
  if (statements === null) say('  round trips are not counted: the server does not load pg_stat_statements')
  else {
    const value = statements / countedResolves
    const product = `${statements} in ${countedResolves} resolves`
    verdicts.push({ ...common, what: 'SQL round trips', product, value, target: roundTripsTarget })
  }
  const product = `${format(perCommit)} events a commit`
  verdicts.push({ ...common, what: 'commits', product, value: commits, target: commitsTarget })
  return verdicts
}

/** The driver sends one statement a round trip, so statements are round trips; null: the server does not count. */
async function countStatements(
  database: GoalContext['stand']['database'],
  work: () => Promise<void>
): Promise<number | null> {
  if (!database.countsStatements) {
    await work()
    return null
  }
  const counter = await openStatementCounter(database.adminUrl)
  try {
    await counter.reset()
    await work()
    const counts = await counter.read('paperclip_secrets')
    return counts.reduce((sum, { calls }) => sum + calls, 0)
  } finally {
    await counter.close()
  }
}
