import { join } from 'node:path'
import type { VaultView } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, anthropic, companyId, plainValue, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'
const vaultId = sampleId(7)
const canary = 'never-printed-4714'
const prod: VaultView = {
  id: vaultId,
  companyId,
  provider: 'aws_secrets_manager',
  displayName: 'Prod',
  status: 'ready',
  isDefault: true,
  config: { region: 'us-east-1', ownerTag: 'team-a' },
  healthStatus: 'ready',
  healthCheckedAt: time,
  healthMessage: 'It works.',
  healthDetails: null,
  disabledAt: null,
  createdByAgentId: null,
  createdByUserId: 'local-board',
  createdAt: time,
  updatedAt: time
}
const former: VaultView = {
  ...prod,
  id: sampleId(7, 2),
  status: 'disabled',
  isDefault: false,
  disabledAt: time
}
const health = (status: 'ready' | 'error') => ({
  configId: vaultId,
  provider: 'aws_secrets_manager',
  status,
  message: 'What was found.',
  details: { code: 'some_code', message: 'What was found.', guidance: ['Do this.'] },
  checkedAt: time
})
const same: FakeHandler = () => ({ body: prod })
const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listVaults: () => ({ body: [former, prod] }),
  getVault: same,
  createVault: same,
  updateVault: same,
  setDefaultVault: same,
  disableVault: () => ({ body: former }),
  checkVaultHealth: () => ({ body: health('ready') })
}

t.test('vaults are listed with their config, and made with members that are set', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const { origin } = gateway
  const list = await runCli(['vault', 'list'], { origin })
  t.match(list, {
    code: 0,
    stdout: /Prod +aws_secrets_manager +ready +yes +ready .*region=us-east-1 ownerTag=team-a/
  })
  t.same(JSON.parse((await runCli(['vault', 'list', '--json'], { origin })).stdout), [former, prod])
  const flags = ['--set', 'region=us-east-1', '--set', 'ownerTag=a=b', '--default']
  const made = await runCli(['vault', 'create', 'aws_secrets_manager', 'Prod', ...flags], { origin })
  t.match(made, { code: 0, stderr: /vault health/ })
  t.same(gateway.last('createVault')?.body, {
    provider: 'aws_secrets_manager',
    displayName: 'Prod',
    config: { region: 'us-east-1', ownerTag: 'a=b' },
    isDefault: true
  })
  await runCli(['vault', 'create', 'local_encrypted', 'Here', '--set', 'backupReminderAcknowledged=true'], {
    origin
  })
  t.match(gateway.last('createVault')?.body, { config: { backupReminderAcknowledged: true } })
  t.same(gateway.violations, [])
})

t.test('a credential is refused before anything is sent, and not repeated', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const create = (...args: string[]) =>
    runCli(['vault', 'create', 'aws_secrets_manager', 'Prod', ...args], { origin: gateway.origin })
  for (const set of [
    `accessKeyId=${canary}`,
    `secretAccessKey=${canary}`,
    canary,
    `=${canary}`,
    `projectId=${canary}`
  ]) {
    const { code, stdout, stderr } = await create('--set', set)
    t.equal(code, 2, set)
    t.notMatch(stdout + stderr, canary)
  }
  t.match(await create('--set', `accessKeyId=${canary}`), { stderr: /credentials are never part of a vault/ })
  const file = join(t.testdir({ 'not.json': `{"region": ${canary}`, 'list.json': '[]' }), '')
  for (const name of ['not.json', 'list.json']) {
    const { code, stderr } = await create('--config-file', join(file, name))
    t.equal(code, 2)
    t.notMatch(stderr, canary)
  }
  t.match(await create('--config-file', join(file, 'absent.json')), { code: 1, stderr: /ENOENT/ })
  t.same(gateway.calls, [])
})

t.test('an update keeps what is not named, since the config is sent as a whole', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const update = (...args: string[]) => runCli(['vault', 'update', ...args], { origin: gateway.origin })
  t.equal((await update('Prod', '--set', 'environmentTag=production', '--set', 'ownerTag=')).code, 0)
  t.match(gateway.last('updateVault'), {
    params: { id: vaultId },
    body: { config: { region: 'us-east-1', environmentTag: 'production' } }
  })
  t.equal((await update(vaultId, '--name', 'Other', '--status', 'disabled')).code, 0)
  t.same(gateway.last('updateVault')?.body, { displayName: 'Other', status: 'disabled' })
  const file = join(t.testdir({ 'config.json': '{"region":"eu-west-1"}' }), 'config.json')
  t.equal((await update('Prod', '--config-file', file)).code, 0)
  t.same(gateway.last('updateVault')?.body, { config: { region: 'eu-west-1' } })
  t.match(await update('Prod'), { code: 2, stderr: /nothing was named to change/ })
  t.match(await update('Nowhere', '--name', 'x'), { code: 1, stderr: /vault list/ })
  t.same(gateway.violations, [])
})

t.test('of several vaults of one name the one in use is meant; two in use are misuse', async (t) => {
  const twin = { ...prod, id: sampleId(7, 3), isDefault: false }
  const gateway = await fakeGateway(t, { ...basics, listVaults: () => ({ body: [twin, former, prod] }) })
  const { origin } = gateway
  t.match(await runCli(['vault', 'default', 'Prod'], { origin }), {
    code: 2,
    stderr: /several vaults are named/
  })
  const alone = await fakeGateway(t, basics)
  t.equal((await runCli(['vault', 'default', 'Prod'], { origin: alone.origin })).code, 0)
  t.same(alone.last('setDefaultVault')?.params, { id: vaultId })
  t.equal((await runCli(['vault', 'disable', 'Prod'], { origin: alone.origin })).code, 0)
  t.same(alone.last('disableVault')?.params, { id: vaultId })
})

t.test('a health check says what to do, and exits 1 for an error', async (t) => {
  const well = await fakeGateway(t, basics)
  t.match(await runCli(['vault', 'health', 'Prod'], { origin: well.origin }), {
    code: 0,
    stdout: /status +ready/,
    stderr: /hint: Do this\./
  })
  const ill = await fakeGateway(t, { ...basics, checkVaultHealth: () => ({ body: health('error') }) })
  const { code, stdout } = await runCli(['vault', 'health', vaultId, '--json'], { origin: ill.origin })
  t.equal(code, 1)
  t.same(JSON.parse(stdout), health('error'))
})

t.test('the providers are shown with their health and how to back up', async (t) => {
  const local = {
    id: 'local_encrypted',
    label: 'Local encrypted',
    supportsManagedValues: true,
    supportsExternalReferences: false,
    requiresExternalRef: false,
    configured: true
  }
  const found = {
    provider: 'local_encrypted',
    status: 'ok',
    message: 'Fine.',
    backupGuidance: ['Keep a copy.']
  }
  const gateway = await fakeGateway(t, {
    ...basics,
    listSecretProviders: () => ({ body: [local] }),
    getSecretProvidersHealth: () => ({ body: { providers: [found] } })
  })
  t.match(await runCli(['secrets', 'providers'], { origin: gateway.origin }), {
    code: 0,
    stdout: /local_encrypted +Local encrypted +yes +no +yes +ok +Fine\./,
    stderr: /hint: Keep a copy\./
  })
  const { stdout } = await runCli(['secrets', 'providers', '--json'], { origin: gateway.origin })
  t.same(JSON.parse(stdout), [{ ...local, health: found }])
  t.same(gateway.violations, [])
})

t.test('a value is kept in, moved to or linked through the vault that is named', async (t) => {
  const gateway = await fakeGateway(t, {
    ...basics,
    createSecret: () => ({ body: anthropic }),
    rotateSecret: () => ({ body: anthropic })
  })
  const run = (...args: string[]) =>
    runCli(['secrets', ...args], { origin: gateway.origin, input: plainValue })
  for (const [args, operation] of [
    [['create', 'S', '--vault', 'Prod'], 'createSecret'],
    [['link', 'S', '--external-ref', 'prod/s', '--vault', 'Prod'], 'createSecret'],
    [['rotate', anthropic.id, '--vault', 'Prod'], 'rotateSecret']
  ] as const) {
    t.equal((await run(...args)).code, 0, args.join(' '))
    t.match(gateway.last(operation)?.body, { providerConfigId: vaultId })
  }
  t.equal((await run('create', 'S')).code, 0)
  t.notOk(Object.hasOwn(gateway.last('createSecret')?.body as object, 'providerConfigId'))
  const before = gateway.calls.filter(({ operationId }) => operationId === 'createSecret').length
  t.match(await run('create', 'S', '--vault', 'Nowhere'), { code: 1, stderr: /there is no vault "Nowhere"/ })
  t.equal(gateway.calls.filter(({ operationId }) => operationId === 'createSecret').length, before)
  t.same(gateway.violations, [])
})
