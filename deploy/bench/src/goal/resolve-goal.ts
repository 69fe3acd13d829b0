import { resolveRunEnvironment } from '@paperclip/contracts'
import type { Leg, Load } from '../load/drive.js'
import { bearerLoad } from '../load/gateway-load.js'
import { interleave, median, medianRatio } from '../load/interleave.js'
import { withClient } from '../stand/database.js'
import { format, type Verdict } from '../verdict.js'
import { type GoalContext, runLeg, warmUp } from './goal-context.js'
import { createInsertYardstick } from './insert-yardstick.js'

interface ResolveLeg extends Leg {
  readonly eventsPerSecond: number
}

interface YardstickLeg {
  readonly floor: Leg
  /** Null when P2 was not asked for. */
  readonly insertsPerSecond: number | null
}

/** What the first issue asks; 0.40 is the goal after it. */
const rateTarget = 0.3
const rateGoal = 0.4
const p99Target = 4
const eventsTarget = 1.5

/** P1 and P2: resolving an environment of 5 bindings through the gateway with a run token. */
export async function measureResolve(context: GoalContext): Promise<Verdict[]> {
  const { stand, options, say } = context
  say('P1, P2: resolve through the gateway against the two-hop floor and single-row inserts')
  const product = runTokenLoad(context)
  const floor = await openFloor(context, product)
  const inserts = options.goals.has('P2') ? await createInsertYardstick(stand.database, options) : null
  if (inserts !== null) say(`  inserts by ${inserts.tool}`)
  await warmUp(context, 'floor', floor)
  await warmUp(context, 'product', product)
  const legs = await interleave(options.rounds, {
    yardstick: async (): Promise<YardstickLeg> => {
      const leg = await runLeg(context, 'floor  ', floor)
      const insertsPerSecond = inserts === null ? null : await inserts.run()
      if (insertsPerSecond !== null) say(`  inserts: ${Math.round(insertsPerSecond)} rows/s`)
      return { floor: leg, insertsPerSecond }
    },
    product: () => resolveLeg(context, product)
  })
  const verdicts: Verdict[] = []
  const floorText = (figure: (leg: Leg) => number, unit: string) =>
    `floor ${format(median(legs.yardstick.map((leg) => figure(leg.floor))))}${unit}`
  const productText = (figure: (leg: ResolveLeg) => number, unit: string) =>
    `${format(median(legs.product.map(figure)))}${unit}`
  if (options.goals.has('P1')) {
    const rate = (leg: Leg) => leg.requestsPerSecond
    const value = medianRatio(legs, { yardstick: (leg) => rate(leg.floor), product: rate })
    const texts = { yardstick: floorText(rate, ' req/s'), product: productText(rate, ' req/s') }
    const common = { goal: 'P1', ...texts, value, unit: '×', bound: 'at least' } as const
    verdicts.push({ ...common, what: 'resolves, first issue', target: rateTarget })
    verdicts.push({ ...common, what: 'resolves, goal', target: rateGoal })
    const p99 = (leg: Leg) => leg.p99Ms
    verdicts.push({
      ...{ goal: 'P1', what: 'p99', unit: '×', bound: 'at most', target: p99Target },
      ...{ yardstick: floorText(p99, ' ms'), product: productText(p99, ' ms') },
      value: medianRatio(legs, { yardstick: (leg) => p99(leg.floor), product: p99 })
    })
  }
  if (inserts !== null) {
    const insertRate = (leg: YardstickLeg) => leg.insertsPerSecond ?? Number.NaN
    const events = (leg: ResolveLeg) => leg.eventsPerSecond
    verdicts.push({
      ...{ goal: 'P2', what: 'events committed', unit: '×', bound: 'at least', target: eventsTarget },
      yardstick: `${inserts.tool} ${format(median(legs.yardstick.map(insertRate)))} rows/s`,
      product: productText(events, ' rows/s'),
      value: medianRatio(legs, { yardstick: insertRate, product: events })
    })
  }
  return verdicts
}

/** The product's side: the runs of all agents in turn. */
export function runTokenLoad({ stand, data }: GoalContext): Load {
  return bearerLoad({
    origin: stand.gatewayOrigin,
    method: resolveRunEnvironment.method,
    path: `/api${resolveRunEnvironment.path}`,
    tokens: data.agents.map((agent) => agent.runToken)
  })
}

/** Two bare processes that pass on a reply as long as the product's, asked with headers as long as the product's. */
async function openFloor({ stand, data }: GoalContext, product: Load): Promise<Load> {
  const [request] = product.requests(0, 1)
  if (request === undefined) throw new RangeError('there are no agents')
  const reply = await fetch(`${stand.gatewayOrigin}${request.path}`, {
    method: request.method,
    headers: { ...request.headers }
  })
  const characters = (await reply.text()).length
  const body = JSON.stringify({ text: 'x'.repeat(characters - '{"text":""}'.length) })
  const back = await stand.startOwn('floor/back', { BENCH_REPLY: body })
  const origin = await stand.startOwn('floor/front', { BENCH_BACK: back })
  return bearerLoad({
    origin,
    method: 'POST',
    path: '/env',
    tokens: data.agents.map((agent) => agent.runToken)
  })
}

/** One product leg, and how many events were committed in it by the database's own account. */
async function resolveLeg(context: GoalContext, load: Load): Promise<ResolveLeg> {
  return await withClient(context.stand.database.adminUrl, async (admin) => {
    const { rows: clock } = await admin.query<{ now: string }>('select clock_timestamp()::text as now')
    const leg = await runLeg(context, 'product', load)
    const { rows } = await admin.query<{ events: number }>(
      'select count(*)::int as events from secrets.secret_access_events where created_at >= $1::timestamptz',
      [clock[0]?.now]
    )
    return { ...leg, eventsPerSecond: (rows[0]?.events ?? 0) / leg.seconds }
  })
}
