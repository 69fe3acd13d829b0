import { newId, redactionPlaceholder } from '@paperclip/contracts'
import t, { type Test } from 'tap'
import {
  adminSession,
  createSecret,
  eventsOf,
  putEnv,
  resolve,
  rotate,
  tryPutEnv
} from './support/fixtures.js'
import { operator, run, secretsDatabase, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-77c0'

interface Sealed {
  id: string
  sealed: Buffer
  [column: string]: unknown
}

/** An agent with one bound secret, and the row its value lies in. */
async function scene(companyId = newId()) {
  const agentId = newId()
  const name = `k ${newId()}`
  const { id, key } = await createSecret(app, companyId, { name, value: `${canary} of ${name}` })
  await putEnv(app, { companyId, agentId }, { K: `$secret:${key}` })
  return { companyId, agentId, secretId: id, key }
}

async function versionsOf(secretId: string): Promise<Sealed[]> {
  const text = 'select id, sealed from company_secret_versions where secret_id = $1 order by version'
  return sql<Sealed>(text, [secretId])
}

const store = (versionId: string, sealed: Buffer | null) =>
  sql('update company_secret_versions set sealed = $2 where id = $1', [versionId, sealed])

/** Resolves and reveals, expecting an integrity failure of both, on record, and no plaintext. */
async function expectRefused(
  t: Test,
  { companyId, agentId, key }: Awaited<ReturnType<typeof scene>>,
  what: string
) {
  const sender = run(companyId, agentId)
  const answers = [
    await app.send(sender, 'POST', '/agents/me/env'),
    await app.send(sender, 'POST', `/agents/me/secrets/${key}/value`)
  ]
  for (const answer of answers) {
    t.match(answer, { status: 422, body: { code: 'integrity_failure' } }, what)
    t.notMatch(answer.text, canary)
  }
  const events = await eventsOf(app, companyId, `?runId=${sender.actor.runId}`)
  const failures = events.filter(({ outcome }: { outcome: string }) => outcome === 'failure')
  const successes = events.filter(({ outcome }: { outcome: string }) => outcome === 'success')
  t.equal(events.length, 4, 'two announced, two withdrawn')
  t.strictSame(
    failures.map(({ followsEventId }: { followsEventId: string }) => followsEventId).sort(),
    successes.map(({ id }: { id: string }) => id).sort()
  )
  t.match(failures, [{ code: 'integrity_failure' }, { code: 'integrity_failure' }])
}

t.test('one value sealed twice shares no bytes beyond its header', async (t) => {
  const companyId = newId()
  const sealed: Buffer[] = []
  for (const name of ['a', 'b']) {
    const { id } = await createSecret(app, companyId, { name, value: canary })
    sealed.push(...(await versionsOf(id)).map((row) => row.sealed))
  }
  const [one, two] = sealed
  if (one === undefined || two === undefined) throw new Error('no rows')
  t.notOk(one.equals(two))
  t.notOk(one.subarray(-32).equals(two.subarray(-32)))
  for (const bytes of sealed) t.notOk(bytes.includes(canary))
})

t.test('what is copied between companies, secrets or versions never opens', async (t) => {
  const [a, b] = [await scene(), await scene()]
  const sibling = await scene(a.companyId)
  const rows = {
    a: await versionsOf(a.secretId),
    b: await versionsOf(b.secretId),
    sibling: await versionsOf(sibling.secretId)
  }
  const [rowA, rowB, rowSibling] = [rows.a[0], rows.b[0], rows.sibling[0]]
  if (!rowA || !rowB || !rowSibling) throw new Error('no rows')
  await store(rowB.id, rowA.sealed)
  await expectRefused(t, b, "another company's")
  await store(rowA.id, rowSibling.sealed)
  await expectRefused(t, a, "another secret's")
  await store(rowA.id, rowA.sealed)
  t.equal((await resolve(app, a)).status, 200, 'put back, it opens')
  await rotate(app, a.secretId, `${canary} second`)
  const [first, second] = await versionsOf(a.secretId)
  if (!first || !second) throw new Error('no rows')
  await store(second.id, first.sealed)
  await expectRefused(t, a, 'version 1 put in place of version 2')
})

t.test('a changed, shortened, lengthened or missing envelope never opens', async (t) => {
  const victim = await scene()
  const [row] = await versionsOf(victim.secretId)
  if (!row) throw new Error('no row')
  const flipped = (offset: number) => {
    const bytes = Buffer.from(row.sealed)
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset)
    return bytes
  }
  const { length } = row.sealed
  const edits: [string, Buffer | null][] = [
    ...[0, 1, 20, Math.floor(length / 3), Math.floor(length / 2), length - 17, length - 1].map(
      (offset): [string, Buffer] => [`byte ${offset}`, flipped(offset)]
    ),
    ...[1, 4, 12, 16].map((cut): [string, Buffer] => [`${cut} bytes less`, row.sealed.subarray(0, -cut)]),
    ['a byte more', Buffer.concat([row.sealed, Buffer.of(0)])],
    ['empty', Buffer.alloc(0)],
    ['null', null]
  ]
  for (const [what, bytes] of edits) {
    await store(row.id, bytes)
    await expectRefused(t, victim, what)
  }
  await store(row.id, row.sealed)
  t.equal((await resolve(app, victim)).status, 200)
})

t.test('a version row that was renumbered or moved still opens only as what it was sealed as', async (t) => {
  const victim = await scene()
  const [row] = await versionsOf(victim.secretId)
  if (!row) throw new Error('no row')
  const moved = newId()
  await sql('update company_secret_versions set id = $2 where id = $1', [row.id, moved])
  await expectRefused(t, victim, 'another version id')
  await sql('update company_secret_versions set id = $2 where id = $1', [moved, row.id])
})

t.test('an older state of sealed plain values, or another target, never opens', async (t) => {
  const companyId = newId()
  const [agentId, projectId] = [newId(), newId()]
  const read = async (id: string) =>
    (await sql<{ sealed: Buffer }>('select sealed from environments where target_id = $1', [id]))[0]?.sealed
  const write = (id: string, sealed: Buffer | undefined) =>
    sql('update environments set sealed = $2 where target_id = $1', [id, sealed])
  await putEnv(app, { companyId, agentId }, { SOME_TOKEN: `${canary} old` })
  const old = await read(agentId)
  await putEnv(app, { companyId, agentId }, { SOME_TOKEN: `${canary} new` })
  await putEnv(app, { companyId, projectId }, { SOME_TOKEN: `${canary} project` })
  const [fresh, projects] = [await read(agentId), await read(projectId)]
  for (const [what, bytes] of [
    ['an older state', old],
    ["another target's", projects]
  ] as const) {
    await write(agentId, bytes)
    const answer = await resolve(app, { companyId, agentId })
    t.match(answer, { status: 422, body: { code: 'integrity_failure' } }, what)
    t.notMatch(answer.text, canary)
  }
  await write(agentId, fresh)
  t.equal((await resolve(app, { companyId, agentId })).status, 200)

  await write(agentId, old)
  const kept = await tryPutEnv(app, { companyId, agentId }, { SOME_TOKEN: redactionPlaceholder })
  t.match(kept, { status: 422, body: { code: 'integrity_failure' } }, 'what cannot be opened cannot be kept')
  t.notMatch(kept.text, canary)
  await putEnv(app, { companyId, agentId }, { SOME_TOKEN: `${canary} anew` })
  t.equal((await resolve(app, { companyId, agentId })).body.env.SOME_TOKEN, `${canary} anew`)
})

t.test("a company's wrapped key that was swapped or changed opens nothing", async (t) => {
  const [a, b] = [await scene(), await scene()]
  const keys = await sql<{ company_id: string; wrapped: Buffer }>(
    'select company_id, wrapped from company_keys where company_id = any($1)',
    [[a.companyId, b.companyId]]
  )
  const of = (companyId: string) => keys.find((row) => row.company_id === companyId)?.wrapped
  await sql('update company_keys set wrapped = $2 where company_id = $1', [a.companyId, of(b.companyId)])
  const replica = await startSecrets(t, database)
  const answer = await resolve(replica, a)
  t.match(answer, { status: 422, body: { code: 'integrity_failure' } })
  t.notMatch(answer.text, /canary|mk_/)
  await sql('update company_keys set wrapped = $2 where company_id = $1', [a.companyId, of(a.companyId)])
  t.equal((await resolve(replica, a)).status, 200, 'and recovers without a restart')
})

t.test('plain values that do not verify withdraw the event that announced them', async (t) => {
  const place = { companyId: newId(), agentId: newId() }
  await putEnv(app, place, { SOME_TOKEN: canary })
  const tail = 'set_byte(sealed, octet_length(sealed) - 1, 255 - get_byte(sealed, octet_length(sealed) - 1))'
  await sql(`update environments set sealed = ${tail} where target_id = $1`, [place.agentId])
  t.match(await resolve(app, place), { status: 422, body: { code: 'integrity_failure' } })
  const events = await eventsOf(app, place.companyId)
  const announced = events.find(({ outcome }: { outcome: string }) => outcome === 'success')
  const withdrawn = events.find(({ outcome }: { outcome: string }) => outcome === 'failure')
  t.equal(events.length, 2)
  t.match(announced, { code: 'no_bindings' })
  t.match(withdrawn, { code: 'integrity_failure', followsEventId: announced?.id })
})

t.test("nothing is sealed under a company's key that does not verify, and someone is told", async (t) => {
  const { companyId } = await scene()
  const flipped = 'set_byte(wrapped, 69, 255 - get_byte(wrapped, 69))'
  await sql(`update company_keys set wrapped = ${flipped} where company_id = $1`, [companyId])
  const replica = await startSecrets(t, database)
  const body = { name: 'new', value: canary }
  const answer = await replica.send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
  t.match(answer, { status: 422, body: { code: 'integrity_failure' } })
  t.match(replica.logs(), 'stored data does not verify')
  t.notMatch(replica.logs(), canary)
})

t.test('a single reveal of damaged data wakes someone too', async (t) => {
  const { companyId, agentId, secretId, key } = await scene()
  const [version] = await versionsOf(secretId)
  await store(version?.id ?? '', null)
  const replica = await startSecrets(t, database)
  await replica.send(run(companyId, agentId), 'POST', `/agents/me/secrets/${key}/value`)
  t.match(replica.logs(), 'stored data does not verify')
})

t.test('someone is told that data does not verify, without a value', async (t) => {
  t.match(app.logs(), 'stored data does not verify')
  t.notMatch(app.logs(), canary)
})
