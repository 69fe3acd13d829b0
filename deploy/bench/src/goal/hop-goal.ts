import { drive, type Leg } from '../load/drive.js'
import { interleave, median, medianRatio } from '../load/interleave.js'
import { signedResolveLoad } from '../load/signed-load.js'
import { format, type Verdict } from '../verdict.js'
import { type GoalContext, runLeg, warmUp } from './goal-context.js'
import { runTokenLoad } from './resolve-goal.js'

const rateTarget = 0.6
const p50TargetMs = 1
/** Signed for the first look at the rate: more than one second can take, on any machine so far. */
const probeRequestsMax = 20_000
/** Room for a leg that is faster than that first look, whose code was cold. */
const headroom = 4

/** P4: what the way through the gateway costs, against asking the secrets service itself. */
export async function measureHop(context: GoalContext): Promise<Verdict[]> {
  const { stand, data, options, say } = context
  say('P4: through the gateway against straight at the secrets service')
  const through = runTokenLoad(context)
  const straight = (requestsMax: number) => signedResolveLoad(stand, { agents: data.agents, requestsMax })
  await warmUp(context, 'gateway', through)
  const probe = await drive(straight(probeRequestsMax), { connections: options.connections, seconds: 1 })
  const requestsIn = (seconds: number) => Math.ceil(probe.requestsPerSecond * headroom * seconds)
  await warmUp(context, 'straight', straight(requestsIn(options.warmUpSeconds)))
  const compare = (connections: number) =>
    interleave(options.rounds, {
      yardstick: () =>
        runLeg(context, `straight at ${connections}`, straight(requestsIn(options.legSeconds)), {
          connections
        }),
      product: () => runLeg(context, `gateway at ${connections} `, through, { connections })
    })
  const many = await compare(options.connections)
  const one = await compare(1)
  const perSecond = (leg: Leg) => leg.requestsPerSecond
  const p50 = (leg: Leg) => leg.p50Ms
  const [straightP50, gatewayP50] = [median(one.yardstick.map(p50)), median(one.product.map(p50))]
  return [
    {
      ...{
        goal: 'P4',
        what: 'resolves through the gateway',
        unit: '×',
        bound: 'at least',
        target: rateTarget
      },
      yardstick: `straight ${format(median(many.yardstick.map(perSecond)))} req/s`,
      product: `${format(median(many.product.map(perSecond)))} req/s`,
      value: medianRatio(many, { yardstick: perSecond, product: perSecond })
    },
    {
      ...{ goal: 'P4', what: 'p50 added, 1 at once', unit: ' ms', bound: 'at most', target: p50TargetMs },
      yardstick: `straight ${format(straightP50)} ms`,
      product: `${format(gatewayP50)} ms`,
      value: gatewayP50 - straightP50
    }
  ]
}
