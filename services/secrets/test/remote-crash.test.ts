/**
 * Random crashes, lost answers and time-outs around each call of a remote write, from two processes at once.
 * `npm run faults:aws -- --sequences 1000 [--seed 7]` runs as many as are asked for; the suite runs a few.
 */
import { parseArgs } from 'node:util'
import pg from 'pg'
import t from 'tap'
import { startSecretsWithAws } from './support/aws-app.js'
import { runCrashSequences } from './support/crash-sequences.js'
import { planCrashes } from './support/crashing-storage.js'
import type { Query } from './support/fixtures.js'
import { secretsDatabase } from './support/secrets-app.js'

const { values } = parseArgs({
  options: { sequences: { type: 'string', default: '40' }, seed: { type: 'string' } }
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))

/** The same numbers for the same seed (mulberry32), so that what was found can be found again. */
function createRandom(state: number): () => number {
  let at = state
  return () => {
    at = (at + 0x6d2b79f5) | 0
    let x = Math.imul(at ^ (at >>> 15), 1 | at)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

// A sequence takes about a tenth of a second; the suite's own runner ends a file that takes too long.
t.setTimeout(0)
t.test('wherever a process dies, each written value has one version there and one row here', async (t) => {
  const database = await secretsDatabase(t)
  const pool = new pg.Pool({ connectionString: database.adminUrl, options: '-c search_path=secrets' })
  t.teardown(() => pool.end())
  const sql: Query = async <R>(text: string, values: unknown[] = []) =>
    (await pool.query(text, values)).rows as R[]
  const { app, emulator } = await startSecretsWithAws(t, database)
  const { app: replica } = await startSecretsWithAws(t, database, { emulator })
  const processes = [app, replica].map((app) => ({ app, plan: planCrashes(app) }))
  const scene = { emulator, sql, processes }
  const report = await runCrashSequences(scene, {
    sequences: Number(values.sequences),
    atOnce: 8,
    random: createRandom(seed)
  })
  const { sequences, crashes, acknowledged, unknown, faults } = report
  t.comment(
    `seed ${seed}: ${sequences} sequences, ${crashes} crashes, ${acknowledged} acknowledged, ${unknown} unknown`
  )
  t.same(faults, [], `seed ${seed}`)
  t.ok(acknowledged > 0 && unknown > 0)
})
