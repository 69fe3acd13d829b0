import { createAgent, resolveEnvironment } from '@paperclip/contracts'
import pg from 'pg'
import type { Test } from 'tap'
import type { Api } from './e2e-api.js'
import type { Installation } from './e2e-installation.js'
import type { Ledger } from './e2e-load.js'

const entriesMax = 256

/** Version numbers have no gap and no double, one is current, and each has its row of activity. */
export async function versionsAreGapless(t: Test, admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ latest: number; versions: number[]; current: number; rows: number }>(`
    select s.latest_version as latest,
      array_agg(v.version order by v.version) as versions,
      max(v.version) filter (where v.status = 'current') as current,
      (select count(*)::int from secrets.activity_log a
        where a.entity_id = s.id::text and a.action in ('secret.created', 'secret.rotated')) as rows
    from secrets.company_secrets s left join secrets.company_secret_versions v on v.secret_id = s.id
    group by s.id`)
  const faulty = rows.filter(({ latest, versions, current, rows: recorded }) => {
    const gapless = versions.every((version, index) => version === index + 1)
    return !gapless || versions.length !== latest || current !== latest || recorded !== latest
  })
  t.same(faulty, [], `${rows.length} secrets`)
}

/** Every acknowledged value is there, under its number: read back by pinning it. */
export async function writesAreThere(
  t: Test,
  { api, installation, ledger, companyId }: LedgerContext
): Promise<void> {
  const client = installation.serviceClient(installation.secrets[0]?.origin ?? '')
  const writes = [...ledger.writes]
  const lost: string[] = []
  for (let from = 0; from < writes.length; from += entriesMax) {
    const part = writes.slice(from, from + entriesMax)
    const env = Object.fromEntries(
      part.map(([write], index) => {
        const [secretId = '', version = ''] = write.split(' ')
        return [`V_${index}`, { type: 'secret_ref' as const, secretId, version: Number(version) }]
      })
    )
    const body = { name: `reader-${from}`, env }
    const agent = await api.ok(createAgent, { params: { companyId }, body })
    const target = { targetType: 'agent' as const, targetId: agent.id }
    const read = await client.call(resolveEnvironment, { params: { companyId }, body: target })
    for (const [index, [write, value]] of part.entries())
      if (read.env[`V_${index}`] !== value) lost.push(write)
  }
  t.same(lost, [], `${writes.length} acknowledged writes`)
}

/** No value was seen that has no committed event of its own run, secret and version. */
export async function revealsAreRecorded(t: Test, admin: pg.Client, ledger: Ledger): Promise<void> {
  const { rows } = await admin.query<{ reveal: string; events: number }>(`
    select concat_ws(' ', run_id, secret_id, version) as reveal, count(*)::int as events
    from secrets.secret_access_events where outcome = 'success' and run_id is not null group by 1`)
  const events = new Map(rows.map((row) => [row.reveal, row.events]))
  const missing = [...ledger.reveals].filter(([reveal, times]) => times > (events.get(reveal) ?? 0))
  const seen = [...ledger.reveals.values()].reduce((sum, times) => sum + times, 0)
  t.same(missing, [], `${seen} values seen`)
}

export interface LedgerContext {
  readonly api: Api
  readonly installation: Installation
  readonly ledger: Ledger
  readonly companyId: string
}

/** Opens a session that the caller closes. */
export async function openAdmin(url: string): Promise<pg.Client> {
  const admin = new pg.Client({ connectionString: url })
  admin.on('error', () => {})
  await admin.connect()
  return admin
}
