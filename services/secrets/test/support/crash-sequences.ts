import { newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import type { Emulator } from '../emulator/emulator.js'
import { holderOf } from '../emulator/remote-secret.js'
import type { CrashPlan, CrashPoint } from './crashing-storage.js'
import type { Query } from './fixtures.js'
import { type Answer, operator, type SecretsApp } from './secrets-app.js'

/** Two processes over one database and one account, each of which may die in any call. */
export interface CrashScene {
  readonly emulator: Emulator
  readonly sql: Query
  readonly processes: readonly { readonly app: SecretsApp; readonly plan: CrashPlan }[]
}

/** What a run of sequences did; every list of faults must be empty. */
export interface CrashReport {
  sequences: number
  crashes: number
  acknowledged: number
  unknown: number
  /** What was found wrong, in words. */
  readonly faults: string[]
}

type Random = () => number

const points: readonly (CrashPoint | null)[] = [
  'before_send',
  'after_send',
  'after_response',
  'lost_before_effect',
  'lost_after_effect',
  null,
  null
]

/**
 * Runs sequences of writes to one name each, lets calls die or lose their answers, has what was left reconciled, and
 * compares our rows with the account: one version there for each of ours, the same one current, nothing else there.
 */
export async function runCrashSequences(
  scene: CrashScene,
  { sequences, atOnce, random }: { sequences: number; atOnce: number; random: Random }
): Promise<CrashReport> {
  const report: CrashReport = { sequences: 0, crashes: 0, acknowledged: 0, unknown: 0, faults: [] }
  let begun = 0
  const work = async () => {
    while (begun < sequences) {
      const n = begun++
      const companyId = newId()
      await runSequence(scene, { companyId, random, report })
      await settle(scene, companyId)
      report.faults.push(...(await compare(scene, companyId)).map((fault) => `sequence ${n}: ${fault}`))
      report.sequences++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return report
}

interface Sequence {
  readonly companyId: string
  readonly random: Random
  readonly report: CrashReport
}

async function runSequence(scene: CrashScene, { companyId, random, report }: Sequence): Promise<void> {
  const operations = 2 + Math.floor(random() * 4)
  let id: string | null = null
  let latest = 0
  for (let n = 0; n < operations; n++) {
    const { app, plan } = pick(scene.processes, random)
    const point = pick(points, random)
    if (point !== null) plan.crash(companyId, point)
    const value = `value ${n} of ${companyId}`
    const answer = await act(app, { companyId, id, value, deletes: id !== null && random() < 0.15 })
    plan.clear(companyId)
    if (point !== null) report.crashes++
    note(report, answer)
    if (answer.status < 300) {
      const { latestVersion = 0, ok } = answer.body
      id = ok ? null : answer.body.id
      if (!ok && latestVersion <= latest)
        report.faults.push(`version ${latestVersion} was acknowledged after ${latest}`)
      latest = ok ? 0 : latestVersion
    }
    if (random() < 0.8) await settle(scene, companyId)
    id ??= await findLive(scene, companyId)
  }
}

function pick<T>(choices: readonly T[], random: Random): T {
  return choices[Math.floor(random() * choices.length)] as T
}

function act(
  app: SecretsApp,
  { companyId, id, value, deletes }: { companyId: string; id: string | null; value: string; deletes: boolean }
): Promise<Answer> {
  const body = { name: 'A secret', provider: 'aws_secrets_manager', value }
  if (id === null) return app.send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
  if (deletes) return app.send(operator(), 'DELETE', `/secrets/${id}`)
  return app.send(operator(), 'POST', `/secrets/${id}/rotate`, { value })
}

function note(report: CrashReport, { status, body }: Answer): void {
  if (status < 300) report.acknowledged++
  else if (body.code === 'outcome_unknown') report.unknown++
  else if (!expected.has(body.code)) report.faults.push(`answered ${status} ${body.code}`)
}

const expected = new Set([
  'write_in_progress',
  'provider_name_reserved',
  'provider_unavailable',
  'secret_not_found',
  'version_conflict'
])

async function findLive({ processes }: CrashScene, companyId: string): Promise<string | null> {
  const [first] = processes
  const answer = await first?.app.send(operator(), 'GET', `/companies/${companyId}/secrets`)
  return answer?.body[0]?.id ?? null
}

/** Everything on its way arrives, every lease ends, and whoever is left does its turns until nothing is due. */
async function settle({ sql, processes }: CrashScene, companyId: string): Promise<void> {
  for (const { plan } of processes) await plan.settle()
  const { app } = pick(processes, Math.random)
  await eventually(async () => {
    await sql(
      `update company_secret_versions set lease_until = now() - interval '1 second'
       where company_id = $1 and status = 'pending'`,
      [companyId]
    )
    await app.deps.remoteWrites.reconcileDue()
    await sql(
      `update remote_deletions set next_attempt_at = now()
       where company_id = $1 and done_at is null and next_attempt_at < 'infinity'`,
      [companyId]
    )
    await app.deps.remoteDeletions.runTurn(new AbortController().signal)
    const left = await sql(
      `select from company_secret_versions where company_id = $1 and status = 'pending'
       union all select from remote_deletions where company_id = $1 and done_at is null`,
      [companyId]
    )
    if (left.length > 0) throw new Error(`${left.length} are left`)
  })
}

interface OurVersion {
  id: string
  version: number | null
  status: string
  external_ref: string
  deleted: boolean
  [column: string]: unknown
}

async function compare({ sql, emulator }: CrashScene, companyId: string): Promise<string[]> {
  const rows = await sql<OurVersion>(
    `select v.id, v.version, v.status, v.external_ref, s.deleted_at is not null as deleted
     from company_secret_versions v join company_secrets s on s.id = v.secret_id
     where v.company_id = $1 order by v.secret_id, v.version`,
    [companyId]
  )
  const faults: string[] = []
  const open = await sql('select from remote_deletions where company_id = $1 and done_at is null', [
    companyId
  ])
  if (open.length > 0) faults.push(`${open.length} deletions are left`)
  if (rows.some(({ status }) => status === 'pending')) faults.push('a write is still pending')
  const live = rows.filter(({ deleted, version }) => !deleted && version !== null)
  live.forEach(({ version }, at) => {
    if (version !== at + 1) faults.push(`version ${version} stands at ${at + 1}`)
  })
  const remotes = [...emulator.account.secrets.values()].filter(({ name }) => name.includes(companyId))
  // One that reached a secret which was then deleted comes back when that is restored; nothing leads to it.
  const known = new Set(
    rows.filter(({ version, deleted }) => version !== null || deleted).map(({ id }) => id)
  )
  for (const remote of remotes) {
    const isOurs = live.some(({ external_ref: ref }) => ref === remote.arn)
    if (remote.deletion === null && !isOurs) faults.push('a remote secret belongs to nobody')
    if (remote.deletion !== null && isOurs) faults.push('the remote secret of a live one is deleted')
    if (!isOurs) continue
    for (const id of remote.versions.keys())
      if (!known.has(id)) faults.push('a remote version belongs to nobody')
    const newest = live.at(-1)
    if (holderOf(remote, 'AWSCURRENT')?.id !== newest?.id) faults.push('another version is current there')
    for (const { id } of live) if (!remote.versions.has(id)) faults.push('a version is not there')
  }
  if (live.length > 0 && remotes.length === 0) faults.push('the remote secret is not there')
  return faults
}
