/**
 * Kills every part again and again under load, and then holds what the clients were told against what is there.
 *
 * 25 kills unless told otherwise: `npm run faults -- --kills 500`. Without being told, a machine that is too busy
 * for 25 in good time gets fewer, and the test says how many.
 */
import { parseArgs } from 'node:util'
import { createCompany } from '@paperclip/contracts'
import { eventually, testDatabase } from '@paperclip/testing'
import t from 'tap'
import { openApi } from './support/e2e-api.js'
import { type Replica, shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { openAdmin, revealsAreRecorded, versionsAreGapless, writesAreThere } from './support/e2e-ledger.js'
import { type Load, startLoad } from './support/e2e-load.js'
import { durablePostgres } from './support/e2e-postgres.js'

const killsDefault = 25
const { values: flags } = parseArgs({ options: { kills: { type: 'string' } }, strict: false })
const kills = Number(flags.kills ?? killsDefault)
// A test file has two minutes under `npm test`.
const killingMsMax = flags.kills === undefined ? 70_000 : Number.POSITIVE_INFINITY
const clients = 16
const secrets = 6
// Between two kills the clients get so much done, more or less, so that a kill finds them anywhere.
const operationsBetween = 60
const killMsMax = 30_000
const restMsMax = 60_000
// PostgreSQL is what the promises rest on, and is back soonest.
const turns = ['postgres', 'secrets', 'postgres', 'gateway', 'postgres'] as const
t.setTimeout(kills * killMsMax + restMsMax)

t.test(
  `up to ${kills} times kill -9 of a service or of PostgreSQL lose nothing that was acknowledged`,
  async (t) => {
    const postgres = await durablePostgres(t)
    // A server of its own: a crash takes every database of a server with it.
    process.env.PAPERCLIP_TEST_POSTGRES_URL = postgres.adminUrl('postgres')
    const database = await testDatabase(t, { migrations: shippedMigrations })
    const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
    const installation = await startInstallation(t, { gateways: 1, secrets: 1, databaseUrls })
    const api = openApi(
      installation.gateways.map(({ origin }) => origin),
      { keep: false }
    )
    const { id: companyId } = await api.ok(createCompany, { body: { name: 'Faults' } })
    const load = await startLoad(api, { companyId, clients, secrets })
    await load.progress(operationsBetween)
    const until = performance.now() + killingMsMax
    let killed = 0
    while (killed < kills && performance.now() < until) {
      const turn = turns[killed % turns.length]
      if (turn === 'postgres') await postgres.kill9()
      else await killReplica((turn === 'secrets' ? installation.secrets : installation.gateways)[0])
      killed += 1
      await recovered(load, killed)
    }
    t.ok(killed >= turns.length, `${killed} kills`)
    const ledger = await load.stop()
    t.comment([...ledger.failures].map(([failure, times]) => `${times} x ${failure}`).join(', '))
    t.comment(`${ledger.acknowledged} operations acknowledged`)
    t.same([...new Set(ledger.violations)], [], 'every refusal is a 503 that says why, and nothing hangs')
    const admin = await openAdmin(database.adminUrl)
    await versionsAreGapless(t, admin)
    await writesAreThere(t, { api, installation, ledger, companyId })
    await revealsAreRecorded(t, admin, ledger)
    await admin.end()
    t.notMatch(await postgres.log(), /deadlock detected/)
    for (const { process } of [...installation.gateways, ...installation.secrets])
      t.same(await process.stop(), { code: 0, signal: null }, 'the survivor of it all stops as it should')
  }
)

/** Ended by force and started again by whoever watches it, here the test. */
async function killReplica(replica: Replica | undefined): Promise<void> {
  if (replica === undefined) throw new Error('there is nothing to kill')
  await replica.process.kill9()
  await replica.restart()
}

/** Without help, all three kinds of operations are acknowledged again. */
async function recovered(load: Load, kill: number): Promise<void> {
  const wanted = load.ledger.acknowledged + Math.ceil(Math.random() * operationsBetween)
  await eventually(
    () => {
      if (load.ledger.acknowledged < wanted) throw new Error(`no recovery from kill ${kill}`)
    },
    { deadlineMs: killMsMax }
  )
}
