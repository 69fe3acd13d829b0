import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { newId } from '@paperclip/contracts'
import { ConfigError } from '@paperclip/server'
import { eventually, freePort, type StartedProcess, startProcess } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { createAccountLimit } from '../src/limit/account-limit.js'
import { limitedGateway } from './fixtures/limited-gateway.js'
import { testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for a window to pass.
t.setTimeout(120_000)

const server = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'redis-server'))
  .find(existsSync)
const skip = server === undefined ? 'redis-server is not installed' : false

const installation = await testInstallation(t)
const password = newId()
const port = await freePort()
const url = `redis://:${password}@127.0.0.1:${port}`
const folder = t.testdir()

/** Keeps nothing, so that a restart is a fresh one; the password comes through its input. */
const startRedis = (): Promise<StartedProcess> =>
  startProcess(t, {
    command: server ?? '',
    args: ['-'],
    input: `bind 127.0.0.1\nport ${port}\nrequirepass ${password}\nsave ""\ndir ${folder}\n`,
    readyWhen: { line: /Ready to accept connections/ }
  })

const limits = ['challenges', 'claims'] as const
const env = { ...installation.env, REDIS_URL: url }

const start = (redisUrl: string) => limitedGateway(t, { ...env, REDIS_URL: redisUrl }, { limits })

/** Says why a start failed: one fault that names the variable, and repeats nothing of its value. */
async function faultOf(redisUrl: string): Promise<string> {
  const error: unknown = await start(redisUrl).then(
    () => new Error('it started'),
    (error: unknown) => error
  )
  if (!(error instanceof ConfigError) || error.faults.length !== 1) throw error
  for (const part of [password, String(port), 'wrong-word'])
    if (String(error).includes(part)) throw new Error('the fault repeats a part of the value')
  return error.faults[0] ?? ''
}

t.test('a start fails when its Redis is not there', async (t) => {
  t.equal(await faultOf(url), 'REDIS_URL names a server that cannot be used (ECONNREFUSED)')
})

t.test('a start fails when its Redis refuses it', { skip }, async (t) => {
  const redis = await startRedis()
  t.match(await faultOf(`redis://:wrong-word@127.0.0.1:${port}`), /\(WRONGPASS\)$/)
  t.match(await faultOf(`redis://127.0.0.1:${port}`), /\(NOAUTH\)$/)
  await redis.stop()
})

t.test('with Redis, two gateways count together there and nothing in the database', { skip }, async (t) => {
  const redis = await startRedis()
  const [one, two] = await Promise.all([
    limitedGateway(t, env, { limits }),
    limitedGateway(t, env, { limits })
  ])
  const floods = await Promise.all([
    one.flood('/limited/challenges', 50),
    two.flood('/limited/challenges', 50)
  ])
  t.equal(
    floods.reduce((sum, counts) => sum + (counts[200] ?? 0), 0),
    10
  )
  t.equal(
    floods.reduce((sum, counts) => sum + (counts[429] ?? 0), 0),
    90
  )
  const refused = await two.ask('/limited/challenges')
  t.match(await refused.json(), { code: 'rate_limited' })
  const wait = Number(refused.headers.get('retry-after'))
  t.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60)
  const accounts = [one, two].map(({ deps }) => createAccountLimit(deps.limits.store))
  const attempts = Array.from({ length: 20 }, (_, n) =>
    accounts[n % 2]?.take({ email: 'ada@example.org', address: `192.0.2.${n}` })
  )
  const outcomes = await Promise.allSettled(attempts)
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
  const admin = new pg.Client({ connectionString: installation.database.adminUrl })
  await admin.connect()
  t.equal((await admin.query('select from gateway.rate_limits')).rowCount, 0)
  await admin.end()

  await redis.kill9()
  const down = await one.ask('/limited/claims')
  t.equal(down.status, 503, 'a limit that cannot be counted fails closed')
  t.match(await down.json(), { code: 'database_unavailable' })
  t.equal(down.headers.get('retry-after'), '1')
  t.equal((await one.ask('/unlimited')).status, 200)
  await startRedis()
  await eventually(async () => {
    const { status } = await one.ask('/limited/claims')
    if (status !== 200) throw new Error(`still ${status}`)
  })
  t.match(one.log(), /the connection to Redis was lost/)
  t.match(one.log(), /the connection to Redis is back/)
  t.notMatch(one.log() + two.log(), password)
})
