import { newId } from '@paperclip/contracts'
import t from 'tap'
import {
  adminSession,
  createSecret,
  eventsOf,
  putEnv,
  resolve,
  rotate,
  tryPutEnv
} from './support/fixtures.js'
import {
  type Answer,
  operator,
  run,
  type SecretsApp,
  secretsDatabase,
  startSecrets
} from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const replica = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-c2d7'

type Change = 'disable' | 'enable' | 'destroy'

function change(
  id: string,
  version: number | string,
  how: Change,
  target: SecretsApp = app
): Promise<Answer> {
  return target.send(operator(), 'POST', `/secrets/${id}/versions/${version}/${how}`)
}

async function statuses(id: string): Promise<string[]> {
  const { body } = await app.send(operator(), 'GET', `/secrets/${id}/versions`)
  return body.map(({ version, status }: Record<string, unknown>) => `${version} ${status}`)
}

/** A secret of some versions, bound by its latest and by each number. */
async function scene(versions: number) {
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { name: 'k', value: `${canary} 1` })
  for (let version = 2; version <= versions; version++) await rotate(app, id, `${canary} ${version}`)
  return { companyId, agentId, id: id as string }
}

/** What a binding gives now: the value, or the code of the refusal. */
async function resolved({ companyId, agentId }: { companyId: string; agentId: string }, selector: string) {
  await putEnv(app, { companyId, agentId }, { K: `$secret:k${selector}` })
  const answer = await resolve(app, { companyId, agentId })
  return answer.status === 200 ? answer.body.env.K : answer.body.errors[0].code
}

t.test('a disabled version resolves nowhere until it is enabled, and the others go on', async (t) => {
  const place = await scene(3)
  const shown = await change(place.id, 2, 'disable')
  t.strictSame(shown.body, {
    version: 2,
    status: 'disabled',
    createdAt: shown.body.createdAt,
    createdByUserId: 'local-board',
    createdByAgentId: null,
    providerVersionRef: null
  })
  t.strictSame(await statuses(place.id), ['3 current', '2 disabled', '1 previous'])
  t.equal(await resolved(place, '@2'), 'version_inactive')
  t.equal(await resolved(place, '@1'), `${canary} 1`)
  t.equal(await resolved(place, ''), `${canary} 3`)
  t.match(await change(place.id, 2, 'enable'), { status: 200, body: { status: 'previous' } })
  t.equal(await resolved(place, '@2'), `${canary} 2`)
})

t.test(
  'latest never falls back: a disabled newest version refuses, and enabled it is current again',
  async (t) => {
    const place = await scene(2)
    await change(place.id, 2, 'disable')
    t.strictSame(await statuses(place.id), ['2 disabled', '1 previous'])
    t.equal(await resolved(place, ''), 'version_inactive')
    t.equal(await resolved(place, '@1'), `${canary} 1`)
    await change(place.id, 2, 'enable')
    t.strictSame(await statuses(place.id), ['2 current', '1 previous'])
    t.equal(await resolved(place, ''), `${canary} 2`)
    await change(place.id, 2, 'disable')
    await rotate(app, place.id, `${canary} 3`)
    t.strictSame(await statuses(place.id), ['3 current', '2 disabled', '1 previous'], 'a rotation keeps it')
    t.equal(await resolved(place, ''), `${canary} 3`)
    await change(place.id, 2, 'enable')
    t.strictSame(await statuses(place.id), ['3 current', '2 previous', '1 previous'], 'no longer the newest')
  }
)

t.test('destroyed after it was bound, a version refuses by path and leaves a failure event', async (t) => {
  const place = await scene(2)
  const { companyId, agentId, id } = place
  await createSecret(app, companyId, { name: 'fine', value: `${canary} fine` })
  await putEnv(app, { companyId, agentId }, { PIN: '$secret:k@1', FINE: '$secret:fine' })
  t.match(await change(id, 1, 'destroy'), { status: 200, body: { version: 1, status: 'destroyed' } })
  const answer = await resolve(app, { companyId, agentId })
  t.match(answer, { status: 422, body: { code: 'version_inactive' } })
  t.strictSame(
    answer.body.errors.map(({ pointer, code }: Record<string, string>) => `${pointer} ${code}`),
    ['env.PIN version_inactive']
  )
  t.notMatch(answer.text, canary)
  const events = (await eventsOf(app, companyId)).map(
    ({ configPath, outcome, code, version }: Record<string, unknown>) => [configPath, outcome, code, version]
  )
  t.strictSame(events.sort(), [
    ['env.FINE', 'denied', 'withheld', 1],
    ['env.PIN', 'failure', 'version_inactive', 1]
  ])
  t.match(await app.send(run(companyId, agentId), 'POST', '/agents/me/secrets/k/value'), {
    status: 422,
    body: { code: 'version_inactive' }
  })
  const rows = await sql(
    'select version, status, sealed is null as gone from company_secret_versions where secret_id = $1 order by version',
    [id]
  )
  t.strictSame(rows, [
    { version: 1, status: 'destroyed', gone: true },
    { version: 2, status: 'current', gone: false }
  ])
  t.match(await tryPutEnv(app, { companyId, agentId }, { PIN: '$secret:k@1' }), {
    status: 422,
    body: { errors: [{ pointer: '/env/PIN', code: 'version_missing' }] }
  })
  await rotate(app, id, `${canary} 3`)
  t.strictSame(await statuses(id), ['3 current', '2 previous', '1 destroyed'])
})

t.test('a destroyed newest version leaves latest without a value until the next rotation', async (t) => {
  const place = await scene(1)
  await change(place.id, 1, 'destroy')
  t.equal(await resolved(place, ''), 'version_inactive')
  t.equal((await rotate(app, place.id, `${canary} 2`)).latestVersion, 2)
  t.equal(await resolved(place, ''), `${canary} 2`)
})

t.test('each change may be repeated, is recorded once, and impossible ones are refused', async (t) => {
  const { id, companyId } = await scene(2)
  for (const how of ['enable', 'disable', 'disable', 'enable', 'enable', 'destroy', 'destroy'] as const)
    t.equal((await change(id, 1, how)).status, 200, how)
  for (const how of ['disable', 'enable'] as const)
    t.match(await change(id, 1, how), { status: 409, body: { code: 'state_conflict' } }, how)
  await change(id, 2, 'disable')
  t.match(await change(id, 2, 'destroy'), { status: 200 }, 'a disabled one may be destroyed')
  for (const version of [3, 2_147_483_647])
    for (const how of ['disable', 'enable', 'destroy'] as const)
      t.match(await change(id, version, how), { status: 404, body: { code: 'version_not_found' } })
  for (const version of ['0', '-1', 'x', '1.5', '2147483648', '%20'])
    t.match(await change(id, version, 'disable'), { status: 404, body: { code: 'not_found' } }, version)
  const rows = await sql(
    `select action, entity_type, entity_id, metadata from activity_log
     where company_id = $1 and action like 'secret_version.%' order by id`,
    [companyId]
  )
  const row = (action: string, version: number) => ({
    action: `secret_version.${action}`,
    entity_type: 'secret',
    entity_id: id,
    metadata: { key: 'k', provider: 'local_encrypted', version }
  })
  t.strictSame(rows, [
    row('disabled', 1),
    row('enabled', 1),
    row('destroyed', 1),
    row('disabled', 2),
    row('destroyed', 2)
  ])
})

t.test('versions of a secret that is not active may be changed all the same', async (t) => {
  const { id } = await scene(2)
  await app.send(operator(), 'PATCH', `/secrets/${id}`, { status: 'archived' })
  t.match(await change(id, 1, 'destroy'), { status: 200 })
  t.match(await change(id, 2, 'disable'), { status: 200 })
})

t.test('rotation and change of a version at once end as if one came after the other', async (t) => {
  for (let round = 0; round < 8; round++) {
    const { id } = await scene(1)
    const how = round % 2 === 0 ? 'disable' : 'destroy'
    const [changed] = await Promise.all([
      change(id, 1, how, round % 4 < 2 ? app : replica),
      rotate(app, id, `${canary} 2`)
    ])
    t.equal(changed.status, 200)
    t.strictSame(await statuses(id), ['2 current', `1 ${how}${how === 'destroy' ? 'ed' : 'd'}`])
    const newest = await scene(1)
    await change(newest.id, 1, 'disable')
    await Promise.all([change(newest.id, 1, 'enable', replica), rotate(app, newest.id, `${canary} 2`)])
    t.strictSame(await statuses(newest.id), ['2 current', '1 previous'], 'one current version, always')
  }
})

/** Resolves without pause on both processes, until each has one that started after the acknowledgement. */
function keepResolving(place: { companyId: string; agentId: string }, acknowledgedAt: () => number) {
  const seen: { startedAt: number; answer: Answer }[] = []
  const worker = async (target: SecretsApp) => {
    for (let startedAt = 0; startedAt <= acknowledgedAt(); ) {
      startedAt = performance.now()
      seen.push({ startedAt, answer: await resolve(target, place) })
    }
  }
  return Promise.all([app, replica, app, replica].map(worker)).then(() => seen)
}

for (const how of ['disable', 'destroy'] as const)
  t.test(
    `no resolve that starts after the acknowledgement of ${how} gives the value, on any process`,
    async (t) => {
      for (const selector of ['', '@1']) {
        const place = await scene(1)
        await putEnv(app, place, { K: `$secret:k${selector}` })
        let acknowledgedAt = Number.POSITIVE_INFINITY
        const resolving = keepResolving(place, () => acknowledgedAt)
        t.equal((await resolve(replica, place)).status, 200, 'there is something to race with')
        t.equal((await change(place.id, 1, how)).status, 200)
        acknowledgedAt = performance.now()
        const late = (await resolving).filter(({ startedAt }) => startedAt > acknowledgedAt)
        t.ok(late.length >= 4, 'on each process')
        for (const { answer } of late) t.match(answer, { status: 422, body: { code: 'version_inactive' } })
      }
    }
  )

t.test('no log line holds a value', async (t) => {
  t.notMatch(app.logs() + replica.logs(), canary)
})
