import { newId, type Route, roleReaches, routes } from '@paperclip/contracts'
import t from 'tap'
import { createSecret, putEnv } from './support/fixtures.js'
import {
  type Answer,
  agentKey,
  member,
  operator,
  resolveItem,
  run,
  type Sender,
  secretsDatabase,
  service,
  sign,
  startSecrets,
  transmit,
  walledCompanyId
} from './support/secrets-app.js'

/*
 * Every contract of the secrets service, called by every kind of caller, on an own, a foreign and an absent company
 * or row. What must come out is computed from the contract's own `auth`; a contract without a row here fails the file.
 */
const database = await secretsDatabase(t)
const app = await startSecrets(t, database)

type Place = 'own' | 'foreign' | 'absent'
const places: readonly Place[] = ['own', 'foreign', 'absent']

interface World {
  companyId: string
  secretId: string
  agentId: string
  projectId: string
  vaultId: string
}

async function newVault(companyId: string): Promise<string> {
  const vault = { provider: 'local_encrypted', displayName: 'Matrix' }
  const path = `/companies/${companyId}/secret-provider-configs`
  return (await app.send(operator(), 'POST', path, vault)).body.id
}

async function world(companyId: string): Promise<World> {
  const [agentId, projectId] = [newId(), newId()]
  const { id: secretId } = await createSecret(app, companyId, { name: 'matrix', value: 'v' })
  await putEnv(app, { companyId, agentId }, { K: '$secret:matrix' })
  return { companyId, secretId, agentId, projectId, vaultId: await newVault(companyId) }
}

// The key `walled` may enter one company only: that one is everybody's own.
const own = await world(walledCompanyId)
const foreign = await world(newId())
const absent: World = {
  companyId: newId(),
  secretId: newId(),
  agentId: newId(),
  projectId: newId(),
  vaultId: newId()
}
const worlds: Record<Place, World> = { own, foreign, absent }

interface Caller {
  sender: Sender | null
  kind: 'nobody' | 'board' | 'agent_key' | 'run' | 'service'
  role?: 'viewer' | 'operator' | 'admin' | 'owner'
  everywhere?: boolean
  scopes?: string[]
}

const callers: Record<string, Caller> = {
  unsigned: { sender: null, kind: 'nobody' },
  viewer: { sender: member(own.companyId, 'viewer'), kind: 'board', role: 'viewer' },
  operator: { sender: member(own.companyId, 'operator'), kind: 'board', role: 'operator' },
  admin: { sender: member(own.companyId, 'admin'), kind: 'board', role: 'admin' },
  owner: { sender: member(own.companyId, 'owner'), kind: 'board', role: 'owner' },
  'instance admin': { sender: operator(), kind: 'board', role: 'owner', everywhere: true },
  'agent key': { sender: agentKey(own.companyId, own.agentId), kind: 'agent_key' },
  run: { sender: run(own.companyId, own.agentId), kind: 'run' },
  'gateway itself': {
    sender: service('gateway'),
    kind: 'service',
    everywhere: true,
    scopes: ['activity:write']
  },
  runner: { sender: service('runner'), kind: 'service', everywhere: true, scopes: ['resolve'] },
  auditor: { sender: service('auditor'), kind: 'service', everywhere: true, scopes: ['audit:read'] },
  walled: { sender: service('walled'), kind: 'service', scopes: ['resolve', 'audit:read'] }
}

/** What each contract is called with, beyond the ids of a place. Nothing here leaves a mark that another row sees. */
const bodies: Record<string, (place: World) => unknown> = {
  getSecretsHealth: () => undefined,
  createSecret: () => ({ name: `matrix ${newId()}`, value: 'v' }),
  deleteSecret: () => undefined,
  getSecret: () => undefined,
  getSecretUsage: () => undefined,
  listSecretCatalog: () => undefined,
  listSecretVersions: () => undefined,
  listSecrets: () => undefined,
  rotateSecret: () => ({ value: 'v' }),
  updateSecret: () => ({ description: newId() }),
  disableSecretVersion: () => undefined,
  enableSecretVersion: () => undefined,
  destroySecretVersion: () => undefined,
  listSecretProviders: () => undefined,
  getSecretProvidersHealth: () => undefined,
  // A provider that nothing can be listed at: whoever is let in is told so.
  previewVaultDiscovery: () => ({ provider: 'local_encrypted', config: {} }),
  listVaults: () => undefined,
  createVault: () => ({ provider: 'vault', displayName: 'Matrix' }),
  getVault: () => undefined,
  updateVault: () => ({ displayName: 'Matrix' }),
  setDefaultVault: () => undefined,
  checkVaultHealth: () => undefined,
  disableVault: () => undefined,
  // Through a vault that is not there: whoever is let in is told so.
  previewRemoteImport: () => ({ providerConfigId: newId() }),
  commitRemoteImport: () => ({ providerConfigId: newId(), secrets: [{ externalRef: 'matrix' }] }),
  getAgentEnvironment: () => undefined,
  getProjectEnvironment: () => undefined,
  putAgentEnvironment: (world) => ({ env: world === absent ? {} : { K: '$secret:matrix' } }),
  putProjectEnvironment: () => ({ env: {} }),
  listDeclaredEnvironments: () => undefined,
  migrateInlineEnvironments: () => ({ apply: true }),
  listRunSecrets: () => undefined,
  resolveBatch: ({ companyId, agentId }) => ({ items: [resolveItem(run(companyId, agentId))] }),
  resolveEnvironment: ({ agentId }) => ({ targetType: 'agent', targetId: agentId }),
  resolveRunEnvironment: () => undefined,
  revealRunSecret: () => undefined,
  deliverOutbox: () => ({ items: [{ id: newId(), activity: null, command: null }] }),
  exportActivityCsv: () => undefined,
  listActivity: () => undefined,
  listCompanyAccessEvents: () => undefined,
  listInstanceActivity: () => undefined,
  getMasterKeys: () => undefined,
  // With one key alone there is nothing to do.
  rotateMasterKey: () => ({}),
  retireMasterKey: () => undefined,
  listSecretAccessEvents: () => undefined
}

function isOfVault(path: string): boolean {
  return path.startsWith('/secret-provider-configs/')
}

/** The outcome that `auth` promises: a problem's code, or success. */
function expected({ path, config: { auth } }: Route, caller: Caller, place: Place): string {
  if (caller.kind === 'nobody') return '401 unauthenticated'
  if (!(auth.actors as readonly string[]).includes(caller.kind)) return '403 forbidden'
  if (caller.kind === 'service' && auth.scope !== undefined && !caller.scopes?.includes(auth.scope))
    return '403 forbidden'
  if (auth.instanceAdmin && !(caller.kind === 'board' && caller.everywhere)) return '403 forbidden'
  const mayEnter = caller.everywhere || place === 'own'
  const mayAct =
    caller.kind !== 'board' || auth.role === undefined || roleReaches(caller.role ?? 'viewer', auth.role)
  if (path.includes(':companyId')) {
    if (!mayEnter) return '403 company_forbidden'
    return mayAct ? 'success' : '403 read_only_role'
  }
  if (path.includes(':id')) {
    if (!mayEnter || place === 'absent') return `404 ${isOfVault(path) ? 'vault' : 'secret'}_not_found`
    return mayAct ? 'success' : '403 read_only_role'
  }
  return 'success'
}

/** How routes answer whoever is let in, where the call leads to nothing. */
const answersOnceIn: Record<string, string> = {
  previewVaultDiscovery: 'provider_unsupported',
  previewRemoteImport: 'vault_not_found',
  commitRemoteImport: 'vault_not_found',
  retireMasterKey: 'not_found'
}

function seen({ config }: Route, answer: Answer): string {
  const isSuccess = answer.status < 300 || answer.body?.code === answersOnceIn[config.operationId]
  return isSuccess ? 'success' : `${answer.status} ${answer.body?.code}`
}

/** Who was never known has no request id of its own, and gets a fresh one each time. */
function withoutRequestId({ status, text }: Answer): string {
  return `${status} ${text.replace(/"requestId":"[^"]*"/, '')}`
}

const ending = new Set([
  'deleteSecret',
  'disableSecretVersion',
  'enableSecretVersion',
  'destroySecretVersion'
])

async function call(route: Route, { sender }: Caller, place: Place): Promise<Answer> {
  const world = worlds[place]
  const ids: Record<string, string> = {
    companyId: world.companyId,
    agentId: world.agentId,
    projectId: world.projectId,
    version: '1',
    masterKeyId: 'mk_0000000000000000',
    id: isOfVault(route.path) ? world.vaultId : world.secretId,
    key: 'matrix'
  }
  // What ends a secret or its version must not take it away from those that come later.
  if (ending.has(route.config.operationId) && place !== 'absent')
    ids.id = (await createSecret(app, world.companyId, { name: newId(), value: 'v' })).id
  if (route.config.operationId === 'disableVault' && place !== 'absent')
    ids.id = await newVault(world.companyId)
  const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => ids[name] ?? 'missing')
  const body = bodies[route.config.operationId]?.(world)
  const outgoing = sign(app.origin, sender ?? operator(), { method: route.method, path, body })
  return transmit(app.origin, sender === null ? { ...outgoing, headers: {} } : outgoing)
}

const contracts = routes.filter(({ config }) => config.owner === 'secrets')

t.test('every contract of the service has its row in this matrix', async (t) => {
  t.strictSame(Object.keys(bodies).sort(), contracts.map(({ config }) => config.operationId).sort())
})

for (const route of contracts)
  t.test(`${route.config.operationId} admits exactly whom its contract names`, async (t) => {
    const isBound = /:companyId|:id/.test(route.path)
    for (const [name, caller] of Object.entries(callers)) {
      const answers: Partial<Record<Place, Answer>> = {}
      for (const place of isBound ? places : (['own'] as const)) {
        const answer = await call(route, caller, place)
        answers[place] = answer
        t.equal(seen(route, answer), expected(route, caller, place), `${name} on ${place}`)
      }
      const { foreign, absent } = answers
      if (foreign !== undefined && absent !== undefined && !caller.everywhere)
        t.equal(withoutRequestId(foreign), withoutRequestId(absent), `${name}: foreign looks like absent`)
    }
  })

t.test('a run of another company, or of nothing, gets nothing', async (t) => {
  const stranger = run(foreign.companyId, own.agentId)
  t.same((await app.send(stranger, 'POST', '/agents/me/env')).body, { env: {}, manifest: [] })
  t.match(await app.send(stranger, 'POST', '/agents/me/secrets/matrix/value'), { status: 403 })
  t.same((await app.send(stranger, 'GET', '/agents/me/secrets')).body, { secrets: [] })
  t.equal((await app.send(stranger, 'GET', `/companies/${own.companyId}/secrets/catalog`)).status, 403)
})
