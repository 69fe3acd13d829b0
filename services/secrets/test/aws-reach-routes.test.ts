import { newId } from '@paperclip/contracts'
import { ConfigError } from '@paperclip/server'
import t from 'tap'
import { loadConfig } from '../src/config.js'
import { hostileEndpoints, hostileReferences, hostileRegions } from './fixtures/hostile-places.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { adminSession, resolve, tryPutEnv } from './support/fixtures.js'
import { type Answer, operator, secretsDatabase, secretsEnv } from './support/secrets-app.js'
import { watchSockets } from './support/socket-watch.js'
import { createVault, patchVault, tryVault, vaultsOf } from './support/vaults.js'

const attempted = watchSockets()
const database = await secretsDatabase(t)
const { app, emulator } = await startSecretsWithAws(t, database)
const sql = await adminSession(t, database)
const provider = 'aws_secrets_manager'
const companyId = newId()
const vault = await createVault(app, companyId, { provider, config: { region: emulator.region } })

/** The database, the service itself, and the one place where AWS is. */
const allowed = new Set([app.origin, emulator.origin, database.adminUrl].map((text) => addressOf(text)))

function addressOf(text: string): string {
  const { hostname, port } = new URL(text)
  return `${hostname === 'localhost' ? '127.0.0.1' : hostname} ${port}`
}

/** Where sockets set out for that had no business there, since the last time. */
function strays(): string[] {
  const others = attempted.filter((address) => !allowed.has(address.replace(/^::1 /, '127.0.0.1 ')))
  attempted.length = 0
  return [...new Set(others)]
}

const importRows = (secrets: object[]) =>
  app.send(operator(), 'POST', `/companies/${companyId}/secrets/remote-import`, {
    providerConfigId: vault.id,
    secrets
  })
const link = (externalRef: string, more: object = {}) =>
  app.send(operator(), 'POST', `/companies/${companyId}/secrets`, {
    name: newId(),
    provider,
    managedMode: 'external_reference',
    externalRef,
    ...more
  })

t.test('the inputs are two hundred, counting each way in', async (t) => {
  const ways = 3 * hostileRegions.length + hostileEndpoints.length + 4 * hostileReferences.length
  t.ok(ways >= 200)
  t.equal(new Set(hostileReferences).size, hostileReferences.length)
  t.equal(strays().length, 0, 'up to here only what is allowed was asked')
  t.ok(allowed.size === 3)
})

t.test('a vault or a discovery of a hostile region is refused, and no socket is opened for it', async (t) => {
  for (const region of hostileRegions) {
    const config = { region }
    const answers = [
      await tryVault(app, companyId, { provider, config }),
      await patchVault(app, vault.id, { config }),
      await app.send(operator(), 'POST', `${vaultsOf(companyId)}/discovery/preview`, { provider, config })
    ]
    for (const { status, text } of answers) {
      t.equal(status, 400, JSON.stringify(region).slice(0, 40))
      if (region.length > 20) t.notOk(text.includes(region))
    }
  }
  t.same(emulator.log, [])
  t.same(strays(), [])
})

t.test('an endpoint that is hostile stops the start, without being repeated', async (t) => {
  const env = secretsEnv(t, database)
  for (const text of hostileEndpoints.filter((text) => text !== '')) {
    const load = () => loadConfig({ ...env, PAPERCLIP_SECRETS_AWS_ENDPOINT: text })
    t.throws(load, ConfigError, text)
    try {
      load()
    } catch (error) {
      if (text.length > 3) t.notOk(String(error).includes(text))
    }
  }
  t.same(strays(), [])
})

t.test(
  'a reference leads nowhere but to the one place, whoever writes it and by whichever route',
  async (t) => {
    const first = await link('ops/first', { providerConfigId: vault.id })
    const accepted: string[] = []
    const take = ({ status, body }: Answer) => {
      t.ok([201, 400, 422].includes(status))
      if (status === 201) accepted.push(body.key)
    }
    for (const reference of hostileReferences) {
      take(await link(reference))
      take(await link(reference, { providerConfigId: vault.id }))
      const { status } = await app.send(operator(), 'POST', `/secrets/${first.body.id}/rotate`, {
        externalRef: reference
      })
      t.ok([200, 400, 422].includes(status))
      const imported = await importRows([{ externalRef: reference, name: newId(), key: newId() }])
      t.ok([200, 400].includes(imported.status))
      for (const { secretId, key } of imported.body.results ?? []) if (secretId !== null) accepted.push(key)
    }
    t.same(emulator.log, [], 'to link is not to ask')
    const target = { companyId, agentId: newId() }
    for (const key of accepted) {
      t.equal((await tryPutEnv(app, target, { X: `$secret:${key}` })).status, 200)
      t.equal((await resolve(app, target)).status, 502, 'there is no such secret in the one place')
    }
    t.ok(accepted.length > 0)
    t.same(strays(), [])
  }
)

t.test('rows that were changed past all rules lead nowhere either', async (t) => {
  const agentId = newId()
  const { body: secret } = await link('ops/second', { providerConfigId: vault.id })
  await tryPutEnv(app, { companyId, agentId }, { X: `$secret:${secret.key}` })
  emulator.log.length = 0
  const held = (region: string) =>
    sql(`update company_secret_provider_configs set config = $2::text::jsonb where id = $1`, [
      vault.id,
      JSON.stringify({ region })
    ])
  for (const region of hostileRegions.filter((region) => !region.includes('\0'))) {
    await held(region)
    const statuses = [
      (await resolve(app, { companyId, agentId })).status,
      (await app.send(operator(), 'POST', `/secret-provider-configs/${vault.id}/health`)).status,
      (
        await app.send(operator(), 'POST', `/companies/${companyId}/secrets/remote-import/preview`, {
          providerConfigId: vault.id
        })
      ).status
    ]
    t.notOk(statuses.includes(201), JSON.stringify(region).slice(0, 40))
    t.same(emulator.log, [], `${JSON.stringify(region).slice(0, 40)} ${statuses}`)
  }
  await held(emulator.region)
  for (const reference of hostileReferences) {
    await sql('update company_secret_versions set external_ref = $2 where secret_id = $1', [
      secret.id,
      reference
    ])
    t.not((await resolve(app, { companyId, agentId })).status, 200, reference)
  }
  t.same(strays(), [])
})
