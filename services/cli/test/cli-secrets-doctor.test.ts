import type { SecretProviderHealth, SecretProviderView, SecretView, VaultView } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, anthropic, companyId, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'
const provider = (id: SecretProviderView['id'], has: boolean, configured: boolean): SecretProviderView => ({
  id,
  label: id,
  supportsManagedValues: has,
  supportsExternalReferences: has,
  requiresExternalRef: false,
  configured
})
const local = provider('local_encrypted', true, true)
const locked = provider('vault', false, false)
const aws = (configured: boolean) => provider('aws_secrets_manager', true, configured)
const fine: SecretProviderHealth = { provider: 'local_encrypted', status: 'ok', message: 'It works.' }
const lockedHealth: SecretProviderHealth = { provider: 'vault', status: 'warn', message: 'Not yet.' }
const awsError: SecretProviderHealth = {
  provider: 'aws_secrets_manager',
  status: 'error',
  message: 'AWS is not set up.',
  warnings: ['Set the region.', 'Keep keys outside.']
}

function vaultOf(number: number, changes: Partial<VaultView> = {}): VaultView {
  return {
    id: sampleId(7, number),
    companyId,
    provider: 'aws_secrets_manager',
    displayName: `V${number}`,
    status: 'ready',
    isDefault: false,
    config: { region: 'us-east-1' },
    healthStatus: 'ready',
    healthCheckedAt: time,
    healthMessage: 'It answers.',
    healthDetails: null,
    disabledAt: null,
    createdByAgentId: null,
    createdByUserId: 'local-board',
    createdAt: time,
    updatedAt: time,
    ...changes
  }
}

interface Scene {
  readonly providers?: readonly SecretProviderView[]
  readonly health?: readonly SecretProviderHealth[]
  readonly vaults?: readonly VaultView[]
  readonly secrets?: readonly SecretView[]
}

/** A gateway that tells of these, and a doctor that asks it. */
async function scene(
  t: Parameters<typeof fakeGateway>[0],
  { secrets = [], vaults = [], ...more }: Scene = {}
) {
  const { providers = [local, locked], health = [fine, lockedHealth] } = more
  const handlers: Record<string, FakeHandler> = {
    listCompanies: () => ({ body: [acme] }),
    listSecretProviders: () => ({ body: providers }),
    getSecretProvidersHealth: () => ({ body: { providers: health } }),
    listVaults: () => ({ body: vaults }),
    listSecrets: () => ({ body: secrets }),
    checkVaultHealth: ({ params: { id } }) => ({
      body: {
        configId: id,
        provider: 'aws_secrets_manager',
        status: 'ready',
        message: 'It answers.',
        details: { code: 'provider_ready', message: 'It answers.', guidance: [] },
        checkedAt: time
      }
    })
  }
  const gateway = await fakeGateway(t, handlers)
  const doctor = (...args: string[]) => runCli(['secrets', 'doctor', ...args], { origin: gateway.origin })
  return { gateway, doctor }
}

t.test('a company whose values all lie here passes, and is not bothered about AWS', async (t) => {
  const health = [fine, awsError, lockedHealth]
  const { gateway, doctor } = await scene(t, { providers: [local, aws(false), locked], health })
  const { code, stdout, stderr } = await doctor('--json')
  t.same({ code, stderr }, { code: 0, stderr: '' })
  const { status, checks } = JSON.parse(stdout)
  t.equal(status, 'pass')
  t.same(
    checks.map((check: { id: string; status: string }) => [check.id, check.status]),
    [
      ['local_encrypted', 'pass'],
      ['aws_secrets_manager', 'pass'],
      ['vault', 'pass']
    ]
  )
  t.match(checks[0], { message: 'It works.', repair: null })
  t.same(gateway.violations, [])
  t.notOk(gateway.operations().includes('checkVaultHealth'))
})

t.test('a provider that is used, or set up, fails with every next step and exit 1', async (t) => {
  const atAws: SecretView = { ...anthropic, provider: 'aws_secrets_manager', providerConfigId: null }
  for (const more of [
    { providers: [aws(false)], secrets: [atAws] },
    { providers: [aws(true)], secrets: [] }
  ]) {
    const { doctor } = await scene(t, { ...more, health: [awsError] })
    const { code, stdout } = await doctor('--json')
    t.equal(code, 1)
    t.same(JSON.parse(stdout), {
      status: 'fail',
      checks: [
        {
          id: 'aws_secrets_manager',
          status: 'fail',
          message: 'AWS is not set up.',
          repair: 'Set the region. Keep keys outside.'
        }
      ]
    })
    t.match(await doctor(), {
      code: 1,
      stdout: /fail +aws_secrets_manager +AWS is not set up\.\n/,
      stderr: /hint: aws_secrets_manager: Set the region\. Keep keys outside\./
    })
  }
  const inVault = { ...atAws, providerConfigId: sampleId(7, 1) }
  const { doctor } = await scene(t, { providers: [aws(false)], secrets: [inVault], health: [awsError] })
  t.equal((await doctor()).code, 0, 'what lies in vaults does not need the deployment to be set up')
})

t.test('each vault is judged by its last check, and a warning is no failure', async (t) => {
  const place = {
    region: 'eu-west-1',
    secretNamePrefix: 'pc',
    namespace: 'prod',
    credentialSource: 'instance'
  }
  const details = { code: 'tags_refused', message: 'Tags.', guidance: ['Add the permission.'], ...place }
  const vaults = [
    vaultOf(1, { isDefault: true }),
    vaultOf(2, { healthStatus: null, healthCheckedAt: null, healthMessage: null }),
    vaultOf(3, { healthStatus: 'warning', healthMessage: 'Tags.', healthDetails: details }),
    vaultOf(4, { status: 'disabled', disabledAt: time, healthStatus: 'error' }),
    vaultOf(5, { provider: 'vault', status: 'coming_soon', healthStatus: null })
  ]
  const { doctor } = await scene(t, { vaults })
  const { code, stdout } = await doctor('--json')
  t.equal(code, 0)
  const { status, checks } = JSON.parse(stdout)
  t.equal(status, 'warn')
  t.match(checks.slice(2), [
    { id: 'default of aws_secrets_manager', status: 'pass', message: /V1/ },
    { id: 'vault V1', status: 'pass', message: /It answers\. \(checked 2026/ },
    { id: 'vault V2', status: 'warn', message: /never checked/, repair: /vault health .*--probe/ },
    {
      id: 'vault V3',
      status: 'warn',
      message: /\[eu-west-1, pc\/prod, no own KMS key, credentials: instance\]/,
      repair: 'Add the permission.'
    },
    { id: 'vault V4', status: 'pass', message: /disabled/ },
    { id: 'vault V5', status: 'pass', message: /draft/ }
  ])
  const failing = await scene(t, { vaults: [vaultOf(1, { healthStatus: 'error' })] })
  const failed = await failing.doctor('--json')
  t.equal(failed.code, 1)
  t.match(JSON.parse(failed.stdout).checks.slice(2), [
    { id: 'default of aws_secrets_manager', status: 'warn', repair: /vault default/ },
    { id: 'vault V1', status: 'fail', repair: /vault health/ }
  ])
})

t.test('--probe checks the vaults that are in use, and no other', async (t) => {
  const vaults = [vaultOf(1), vaultOf(2, { status: 'disabled' }), vaultOf(3, { status: 'warning' })]
  const { gateway, doctor } = await scene(t, { vaults })
  t.equal((await doctor('--probe')).code, 0)
  const probed = gateway.calls.filter(({ operationId }) => operationId === 'checkVaultHealth')
  t.same(
    probed.map(({ params }) => params.id),
    [sampleId(7, 1), sampleId(7, 3)]
  )
  t.same(gateway.violations, [])
})
