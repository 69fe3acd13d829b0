import { newId } from '@paperclip/contracts'
import t from 'tap'
import { holderOf } from './emulator/remote-secret.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { planCrashes } from './support/crashing-storage.js'
import { adminSession, createSecret, putEnv, resolve } from './support/fixtures.js'
import { operator, secretsDatabase } from './support/secrets-app.js'
import { createVault, patchVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const { app, emulator } = await startSecretsWithAws(t, database)
const { app: replica } = await startSecretsWithAws(t, database, { emulator })
const sql = await adminSession(t, database)
const plan = planCrashes(app)
const aws = { provider: 'aws_secrets_manager' }
/** What happens, once, while a value is on its way. */
let beforeNextPut = async () => {}
const { find } = app.deps.providers
app.deps.providers.find = (id) => {
  const provider = find(id)
  if (provider?.storage.kind !== 'remote') return provider
  const { storage } = provider
  const put: typeof storage.put = async (version) => {
    const happens = beforeNextPut
    beforeNextPut = async () => {}
    await happens()
    return storage.put(version)
  }
  return { ...provider, storage: { ...storage, put } }
}
const { region } = emulator

const tryRotate = (id: string, body: object) => app.send(operator(), 'POST', `/secrets/${id}/rotate`, body)
const rename = (id: string, body: object) => app.send(operator(), 'PATCH', `/secrets/${id}`, body)
const remove = (id: string) => app.send(operator(), 'DELETE', `/secrets/${id}?force=true`)
const create = (companyId: string, body: object) =>
  app.send(operator(), 'POST', `/companies/${companyId}/secrets`, { ...aws, ...body })
const remoteOf = (companyId: string, key: string) =>
  emulator.account.secrets.get(`paperclip/test-1/${companyId}/${key}`)
/** The leases of whoever died have run out. */
const expireLeases = () =>
  sql(`update company_secret_versions set lease_until = now() - interval '1 second' where status = 'pending'`)

t.test('a secret goes on in the same remote one when another vault leads to the same place', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Same', value: 'v1' })
  await putEnv(app, { companyId, agentId }, { KEY: { type: 'secret_ref', secretId: id } })
  const vault = await createVault(app, companyId, { ...aws, config: { region } })
  const moved = await tryRotate(id, { value: 'v2', providerConfigId: vault.id })
  t.match(moved, { status: 200, body: { latestVersion: 2, providerConfigId: vault.id } })
  t.equal(remoteOf(companyId, 'same')?.versions.size, 2)
  t.match((await resolve(app, { companyId, agentId })).body, { env: { KEY: 'v2' } })
  t.match(await tryRotate(id, { value: 'v3', providerConfigId: null }), { body: { latestVersion: 3 } })
  t.match((await remove(id)).body, { remote: 'scheduled' })
  t.not(remoteOf(companyId, 'same')?.deletion, null)
})

t.test('but not when that vault promises another key of the operator', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Keyed', value: 'v1' })
  const kmsKeyId = '11111111-2222-3333-4444-555555555555'
  const vault = await createVault(app, companyId, { ...aws, config: { region, kmsKeyId } })
  t.match(await tryRotate(id, { value: 'v2', providerConfigId: vault.id }), { status: 502 })
  t.equal(remoteOf(companyId, 'keyed')?.versions.size, 1, 'no value lies under the former key')
  t.match(await tryRotate(id, { value: 'v2' }), { body: { latestVersion: 2 } })
})

t.test('what was kept when its secret was deleted is kept also when a write of it ends later', async (t) => {
  const companyId = newId()
  const vault = await createVault(app, companyId, { ...aws, config: { region } })
  const providerConfigId = vault.id
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Kept', value: 'v1', providerConfigId })
  plan.crash(companyId, 'after_response')
  t.match(await tryRotate(id, { value: 'v2' }), { status: 503, body: { code: 'outcome_unknown' } })
  await patchVault(app, vault.id, { status: 'disabled' })
  t.match((await remove(id)).body, { remote: 'kept' })
  await expireLeases()
  t.equal(await replica.deps.remoteWrites.reconcileDue(), 1)
  await replica.deps.remoteDeletions.runTurn(new AbortController().signal)
  t.equal(remoteOf(companyId, 'kept')?.deletion, null)
})

t.test('a rotation that was given up before its value arrived says so, and the next one works', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Late', value: 'v1' })
  beforeNextPut = async () => {
    await expireLeases()
    t.equal(await replica.deps.remoteWrites.reconcileDue(), 1)
  }
  t.match(await tryRotate(id, { value: 'v2' }), {
    status: 409,
    body: { code: 'state_conflict', detail: /given up/ }
  })
  t.match(await tryRotate(id, { value: 'v3' }), { body: { latestVersion: 2 } })
  const remote = remoteOf(companyId, 'late')
  t.equal(remote && holderOf(remote, 'AWSCURRENT')?.bytes.toString(), 'v3')
})

t.test('a rename to what a secret has that is not shown yet says that it is being written', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { name: 'Shown', value: 'v1' })
  plan.crash(companyId, 'before_send')
  t.equal((await create(companyId, { name: 'Hidden', value: 'v1' })).status, 503)
  for (const body of [{ name: 'Hidden' }, { key: 'hidden' }])
    t.match(await rename(id, body), { status: 409, body: { code: 'write_in_progress' } })
  await expireLeases()
  t.match(await rename(id, { name: 'Hidden' }), { status: 200, body: { name: 'Hidden', key: 'shown' } })
})
