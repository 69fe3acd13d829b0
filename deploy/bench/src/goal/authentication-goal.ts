import { getAgentSelf } from '@paperclip/contracts'
import { drive } from '../load/drive.js'
import { bearerLoad } from '../load/gateway-load.js'
import { callsOf, openStatementCounter, type StatementCount } from '../statement-count.js'
import type { Verdict } from '../verdict.js'
import type { GoalContext } from './goal-context.js'

const roundTripsTarget = 1
/** `last_used_at` is written at most once a key and minute. */
const writesTarget = 1
const oneAtATime = 50

const gatewayRole = 'paperclip_gateway'
const lookUp = /join agent_api_keys/
const touch = /update "?agent_api_keys/

/** P5: what authenticating a bearer costs in SQL. */
export async function measureAuthentication(context: GoalContext): Promise<Verdict[]> {
  const { stand, data, options, say } = context
  say('P5: statements of an authenticated request')
  if (!stand.database.countsStatements) {
    say('  not counted: the server does not load pg_stat_statements')
    return []
  }
  const counter = await openStatementCounter(stand.database.adminUrl)
  try {
    // The first use of a key writes its time of use; so that it counts, nothing has used these keys before.
    await counter.reset()
    for (let n = 0; n < oneAtATime; n++) await askWho(stand.gatewayOrigin, data.agentKeys[0] ?? '')
    const alone = await counter.read(gatewayRole)
    await counter.reset()
    const load = bearerLoad({
      origin: stand.gatewayOrigin,
      method: getAgentSelf.method,
      path: `/api${getAgentSelf.path}`,
      tokens: data.agentKeys
    })
    const leg = await drive(load, { connections: options.connections, seconds: options.legSeconds })
    const together = await counter.read(gatewayRole)
    say(`  ${Math.round(leg.requestsPerSecond)} requests/s at ${options.connections} at once`)
    return [
      lookUps(alone, { requests: oneAtATime, what: 'look-ups, one at a time' }),
      lookUps(together, { requests: leg.requests, what: `look-ups, ${options.connections} at once` }),
      touches([...alone, ...together], { keys: data.agentKeys.length })
    ]
  } finally {
    await counter.close()
  }
}

async function askWho(origin: string, token: string): Promise<void> {
  const reply = await fetch(`${origin}/api${getAgentSelf.path}`, {
    headers: { authorization: `Bearer ${token}` }
  })
  await reply.arrayBuffer()
  if (reply.status !== 200) throw new Error(`an authenticated request was answered ${reply.status}`)
}

function lookUps(
  counts: readonly StatementCount[],
  { requests, what }: { requests: number; what: string }
): Verdict {
  const calls = callsOf(counts, lookUp)
  return {
    ...{ goal: 'P5', what, yardstick: '', unit: ' a request', bound: 'at most', target: roundTripsTarget },
    product: `${calls} in ${requests} requests`,
    value: calls / requests
  }
}

/** The whole goal takes less than a minute, so each key may be written once in it. */
function touches(counts: readonly StatementCount[], { keys }: { keys: number }): Verdict {
  const rows = counts.filter(({ text }) => touch.test(text)).reduce((sum, count) => sum + count.rows, 0)
  return {
    ...{ goal: 'P5', what: 'writes of lastUsedAt', yardstick: '', bound: 'at most', target: writesTarget },
    unit: ' a key',
    product: `${rows} of ${keys} keys in ${callsOf(counts, touch)} statements`,
    value: rows / keys
  }
}
