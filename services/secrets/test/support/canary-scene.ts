import { newId } from '@paperclip/contracts'
import type { Emulator } from '../emulator/emulator.js'
import { createSecret, putEnv, type Query } from './fixtures.js'
import {
  type Answer,
  operator,
  resolveItem,
  run,
  type SecretsApp,
  type Sender,
  service
} from './secrets-app.js'
import { createVault, vaultsOf } from './vaults.js'

const provider = 'aws_secrets_manager'

/** A company with everything in it that leads to AWS. */
export interface CanaryPlace {
  readonly companyId: string
  readonly agentId: string
  readonly vaultId: string
  /** Managed ones: bound, rotated, deleted; and one of somebody else's, bound. */
  readonly bound: string
  readonly turning: string
  readonly going: string
  readonly linked: string
  /** What an import may take. */
  readonly remote: string
}

/** What was asked and how it was answered. */
interface Asked {
  readonly method: string
  readonly path: string
  readonly status: number
}

export interface CanaryScene {
  /** A value like no other. */
  newValue(): string
  place(): Promise<CanaryPlace>
  /** Calls every route that may ask AWS. */
  walk(place: CanaryPlace): Promise<Asked[]>
  /** Calls every route that shows what is here. */
  look(place: CanaryPlace): Promise<Asked[]>
  /** Of those the ones that show what went wrong. */
  lookAtRecords(place: CanaryPlace): Promise<Asked[]>
  /** Has the workers do what is left, whenever it would be due. */
  work(): Promise<void>
}

/** Sets it over a service and the account that it works in. */
export function createCanaryScene(app: SecretsApp, emulator: Emulator, sql: Query): CanaryScene {
  const newValue = () => `canary "${newId()}"\n/+value`
  const seed = (name: string) => {
    emulator.seed({
      Name: name,
      ClientRequestToken: newId(),
      SecretString: newValue(),
      Description: newValue()
    })
    return emulator.account.secrets.get(name)?.arn ?? ''
  }
  const ask = async (
    method: string,
    path: string,
    body?: unknown,
    as: Sender = operator()
  ): Promise<Asked> => {
    const { status }: Answer = await app.send(as, method, path, body)
    return { method, path: `/internal${path}`, status }
  }

  async function place(): Promise<CanaryPlace> {
    const target = { companyId: newId(), agentId: newId() }
    const { companyId } = target
    const { id: vaultId } = await createVault(app, companyId, {
      provider,
      config: { region: emulator.region }
    })
    const managed = async (name: string) =>
      (await createSecret(app, companyId, { provider, name, value: newValue() })).id
    const [bound, turning, going] = [await managed('Bound'), await managed('Turning'), await managed('Going')]
    const { id: linked } = await createSecret(app, companyId, {
      name: 'Linked',
      provider,
      managedMode: 'external_reference',
      externalRef: seed(`ops/${companyId}/linked`),
      providerConfigId: vaultId
    })
    await putEnv(app, target, { BOUND: '$secret:bound', LINKED: '$secret:linked' })
    return { ...target, vaultId, bound, turning, going, linked, remote: seed(`ops/${companyId}/stripe`) }
  }

  function look({ companyId, agentId, vaultId, bound, linked }: CanaryPlace): Promise<Asked[]> {
    const company = `/companies/${companyId}`
    const paths = [
      ...[
        'secrets',
        'secrets/catalog',
        'secret-providers',
        'activity',
        'activity.csv',
        'secret-access-events'
      ].map((last) => `${company}/${last}`),
      vaultsOf(companyId),
      `/secret-provider-configs/${vaultId}`,
      `${company}/agents/${agentId}/env`,
      ...[bound, linked].flatMap((id) =>
        ['', '/versions', '/usage', '/access-events'].map((last) => `/secrets/${id}${last}`)
      )
    ]
    const own = ['/agents/me/secrets', `${company}/secrets/catalog`]
    return Promise.all([
      ...paths.map((path) => ask('GET', path)),
      ...own.map((path) => ask('GET', path, undefined, run(companyId, agentId)))
    ])
  }

  function lookAtRecords({ companyId }: CanaryPlace): Promise<Asked[]> {
    const lists = ['secrets', 'secret-provider-configs', 'activity', 'secret-access-events']
    return Promise.all(lists.map((list) => ask('GET', `/companies/${companyId}/${list}`)))
  }

  async function walk(place: CanaryPlace): Promise<Asked[]> {
    const { companyId, agentId, vaultId, turning, going, linked, remote } = place
    const company = `/companies/${companyId}`
    const agent = run(companyId, agentId)
    const inVault = { providerConfigId: vaultId }
    const asked = await Promise.all([
      ask('POST', `${company}/secrets`, { provider, name: 'New', value: newValue() }),
      ask('POST', `${company}/secrets`, { provider, name: 'In vault', value: newValue(), ...inVault }),
      ask('POST', `/secrets/${turning}/rotate`, { value: newValue() }),
      ask('DELETE', `/secrets/${going}`),
      ask('POST', `/secret-provider-configs/${vaultId}/health`),
      ask('GET', `${company}/secret-providers/health`),
      ask('POST', `${vaultsOf(companyId)}/discovery/preview`, {
        provider,
        config: { region: emulator.region }
      }),
      ask('POST', `${company}/secrets/remote-import/preview`, { ...inVault, query: companyId }),
      ask('GET', '/health')
    ])
    const later = [
      // One by one: the record of each reveal has little time.
      await ask('POST', `/agents/me/env`, undefined, agent),
      await ask('POST', `/agents/me/secrets/bound/value`, undefined, agent),
      await ask('POST', `/agents/me/secrets/linked/value`, undefined, agent),
      await ask(
        'POST',
        `${company}/env/resolve`,
        { targetType: 'agent', targetId: agentId },
        service('runner')
      ),
      await ask('POST', '/resolve-batch', { items: [resolveItem(agent)] }, service('gateway')),
      await ask('POST', `${company}/secrets/remote-import`, {
        ...inVault,
        secrets: [{ externalRef: remote, name: 'Stripe', key: 'stripe' }]
      }),
      await ask('POST', `/secrets/${linked}/rotate`, { providerVersionRef: 'AWSCURRENT' })
    ]
    return [...asked, ...later]
  }

  return {
    newValue,
    place,
    look,
    lookAtRecords,
    walk,
    async work() {
      await sql(`update company_secret_versions set lease_until = now() where status = 'pending'`)
      await sql(`update remote_deletions set next_attempt_at = now() where done_at is null`)
      await app.deps.remoteWrites.reconcileDue()
      await app.deps.remoteDeletionWorker.runDue()
    }
  }
}
