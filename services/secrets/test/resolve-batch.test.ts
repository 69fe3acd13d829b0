import { newId, resolveFramesMediaType } from '@paperclip/contracts'
import t from 'tap'
import { adminSession, createSecret, eventsOf, parseFrames, putEnv, resolve } from './support/fixtures.js'
import { operator, resolveItem, run, secretsDatabase, service, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)

function target() {
  return { companyId: newId(), agentId: newId(), projectId: newId() }
}

t.test('a batch answers each item by itself, in order', async (t) => {
  const [one, two] = [target(), target()]
  await createSecret(app, one.companyId, { name: 'k', value: 'one 🔑' })
  await putEnv(app, one, { K: '$secret:k' })
  const { id } = await createSecret(app, two.companyId, { name: 'k', value: 'two' })
  await putEnv(app, two, { K: '$secret:k' })
  await sql("update company_secrets set status = 'disabled' where id = $1", [id])
  const items = [one, two, target()].map(({ companyId, agentId }) => resolveItem(run(companyId, agentId)))
  const answer = await app.send(service('gateway'), 'POST', '/resolve-batch', { items })
  t.equal(answer.headers.get('content-type'), resolveFramesMediaType)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  const frames = parseFrames(answer.text)
  t.strictSame(
    frames.map(({ status }) => status),
    [200, 422, 200]
  )
  t.same(frames[0]?.body.env, { K: 'one 🔑' })
  t.match(frames[1]?.body, { code: 'secret_inactive', requestId: 'item' })
  t.match((await eventsOf(app, one.companyId))[0], { openedBy: items[0]?.openedBy, runId: items[0]?.runId })
  for (const caller of ['runner', 'auditor', 'walled'] as const)
    t.equal((await app.send(service(caller), 'POST', '/resolve-batch', { items })).status, 403)
  const one65 = Array.from({ length: 65 }, () => resolveItem(run(newId(), newId())))
  t.equal((await app.send(service('gateway'), 'POST', '/resolve-batch', { items: one65 })).status, 400)
  t.equal((await app.send(service('gateway'), 'POST', '/resolve-batch', { items: [] })).status, 400)
  const item = resolveItem(run(newId(), newId()))
  for (const facts of [{ resolveId: item.resolveId.replace(/...$/, '001') }, { requestId: 'nul \u0000' }]) {
    const misshapen = { items: [{ ...item, ...facts }] }
    t.equal((await app.send(service('gateway'), 'POST', '/resolve-batch', misshapen)).status, 400)
  }
})

t.test('an item that cannot be stored, or was used before, fails alone', async (t) => {
  const { companyId, agentId } = target()
  await createSecret(app, companyId, { name: 'k', value: 'v' })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k' })
  const item = () => resolveItem(run(companyId, agentId))
  const send = async (items: object[]) =>
    parseFrames((await app.send(service('gateway'), 'POST', '/resolve-batch', { items })).text)
  const used = item()
  t.strictSame(
    (await send([used])).map(({ status }) => status),
    [200]
  )
  const twin = item()
  const poisoned = item()
  if (poisoned.openedBy !== null) poisoned.openedBy = { ...poisoned.openedBy, actorId: 'nul \u0000' }
  const frames = await send([item(), used, item(), poisoned, twin, twin, item()])
  t.strictSame(
    frames.map(({ status, body }) => `${status} ${body.code ?? body.env.K}`),
    ['200 v', '401 replayed', '200 v', '503 audit_unavailable', '200 v', '401 replayed', '200 v']
  )
  const elsewhere = { ...used, companyId: newId() }
  t.match(await send([elsewhere]), [{ status: 200, body: { env: {} } }], 'another company has its own ids')
})

t.test('an environment of more than 4 MiB is refused, and its events are followed by failures', async (t) => {
  const { companyId, agentId } = target()
  await createSecret(app, companyId, { name: 'big', value: 'x'.repeat(65_000) })
  const env = (entries: number) =>
    Object.fromEntries(Array.from({ length: entries }, (_, index) => [`B${index}`, '$secret:big']))
  await putEnv(app, { companyId, agentId }, env(64))
  t.equal((await resolve(app, { companyId, agentId })).status, 200)
  await putEnv(app, { companyId, agentId }, env(65))
  const sender = run(companyId, agentId)
  const refused = await app.send(sender, 'POST', '/agents/me/env')
  t.match(refused, { status: 422, body: { code: 'env_too_large' } })
  t.notMatch(refused.text, 'xxx')
  const events = await eventsOf(app, companyId, `?runId=${sender.actor.runId}&limit=500`)
  const failures = events.filter(({ outcome }: { outcome: string }) => outcome === 'failure')
  t.equal(failures.length, 65)
  const followed = new Set(failures.map(({ followsEventId }: { followsEventId: string }) => followsEventId))
  const announced = events.filter(({ outcome }: { outcome: string }) => outcome === 'success')
  t.ok(
    announced.every(({ id }: { id: string }) => followed.has(id)),
    'each success has its failure'
  )
})

t.test('a company whose key was shredded opens nothing more, sealed plain values included', async (t) => {
  const [withRef, plainOnly] = [target(), target()]
  const { companyId } = withRef
  await createSecret(app, companyId, { name: 'k', value: 'v' })
  await putEnv(app, withRef, { K: '$secret:k' })
  await putEnv(app, { ...plainOnly, companyId }, { SOME_TOKEN: 'sealed', MODE: 'open' })
  const both = [withRef.agentId, plainOnly.agentId]
  for (const agentId of both) t.equal((await resolve(app, { companyId, agentId })).status, 200)
  const command = { type: 'company.deleted', companyId }
  const items = [{ id: newId(), activity: null, command }]
  t.same((await app.send(service('gateway'), 'POST', '/activity', { items })).body, { applied: 1 })
  for (const agentId of both)
    t.match(await resolve(app, { companyId, agentId }), { status: 422, body: { code: 'company_shredded' } })
  t.match(await app.send(operator(), 'POST', `/companies/${companyId}/secrets`, { name: 'n', value: 'v' }), {
    status: 422,
    body: { code: 'company_shredded' }
  })
})
