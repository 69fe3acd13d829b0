import { type CompanyRole, newId } from '@paperclip/contracts'
import type { Caller } from './matrix-callers.js'
import { type Maker, make, newUser, type Place } from './matrix-places.js'

/** What a route is called with. */
export interface Call {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: unknown
}

/**
 * Who may call a route, said a second time and by hand, so that a slip in the contract is found as well as one in the
 * code.
 *
 * `people`: the least role in the company, or else what a person must be. `agents`: which of an agent's credentials.
 * `expects`: for callers with a rule of their own. `passes`: what the route answers once its guards are passed, when
 * that is not a success.
 */
export interface Policy {
  readonly people:
    | 'stranger'
    | 'stranger_or_session'
    | 'person'
    | 'session'
    | 'board_key'
    | 'instance_admin'
    | 'nobody'
    | CompanyRole
  readonly agents?: readonly ('agent_key' | 'run')[]
  readonly call?: (place: Place, caller: Caller, maker: Maker) => Promise<Call> | Call
  readonly expects?: (caller: Caller, rows: 'there' | 'not there') => string | undefined
  readonly passes?: readonly number[]
  /** The credential is used up by a success. */
  readonly consumes?: true
}

const bothOfAgents = ['agent_key', 'run'] as const
const ofCompany = ({ companyId }: Place): Call => ({ params: { companyId } })
const ofCompanyWith = (body: object) => (place: Place) => ({ ...ofCompany(place), body })
const ofAgent = ({ companyId, agentId }: Place): Call => ({ params: { companyId, agentId } })
const ofProject = ({ companyId, projectId }: Place): Call => ({ params: { companyId, projectId } })
const ofSecret = ({ secretId }: Place): Call => ({ params: { id: secretId } })
const ofNewVersion = async (place: Place) => ({ params: { id: await place.newSecret(), version: '1' } })
const ofNewVault = async (place: Place) => ({ params: { id: await place.newVault() } })
const ofNewAgent = async (place: Place) => ({ params: { id: await place.newAgent() } })
const ofNewUser = async (_: Place, __: Caller, maker: Maker) => ({ params: { id: await newUser(maker) } })

async function challenge(
  _: Place,
  __: Caller,
  maker: Maker
): Promise<Call & { params: { id: string }; token: string }> {
  const made = await make(maker, 'POST', '/api/cli-auth/challenges', { command: 'matrix' })
  return { params: { id: made.id }, token: made.token }
}

/** Of another run than one's own a run's token knows nothing. */
const onlyItself = (caller: Caller) => (caller.kind === 'run' ? '404 not_found' : undefined)

/** An agent's key opens runs of that agent, and says no more about others than that they are others. */
const onlyOfItself = (caller: Caller, rows: 'there' | 'not there') =>
  caller.kind === 'agent_key' && rows === 'not there' ? '403 forbidden' : undefined

export const policies: Readonly<Record<string, Policy>> = {
  getHealth: { people: 'stranger', agents: bothOfAgents },
  getOpenApi: { people: 'stranger', agents: bothOfAgents },
  getApiDocs: { people: 'stranger', agents: bothOfAgents },
  getMe: { people: 'person', agents: bothOfAgents },
  getCliMe: { people: 'person' },

  // An empty body: what is said to it shows that the guards were passed, and no password is hashed.
  signUp: { people: 'stranger_or_session', passes: [400], call: () => ({ body: {} }) },
  signIn: { people: 'stranger_or_session', passes: [400], call: () => ({ body: {} }) },
  changePassword: { people: 'session', passes: [400], call: () => ({ body: {} }) },
  getSession: { people: 'stranger_or_session' },
  signOut: { people: 'stranger_or_session', consumes: true },
  listSessions: { people: 'session' },
  revokeSession: { people: 'session', passes: [404], call: () => ({ body: { id: newId() } }) },
  revokeSessions: { people: 'session', consumes: true },
  revokeOtherSessions: { people: 'session' },

  getBoardClaim: {
    people: 'stranger',
    agents: bothOfAgents,
    passes: [404],
    call: () => ({ params: { token: newId() } })
  },
  claimBoard: {
    people: 'session',
    passes: [404],
    call: () => ({ params: { token: newId() }, body: { code: 'none' } })
  },
  createCliChallenge: { people: 'stranger', call: () => ({ body: { command: 'matrix' } }) },
  getCliChallenge: {
    people: 'stranger',
    call: async (...all) => {
      const { token, params } = await challenge(...all)
      return { params, query: `?token=${token}` }
    }
  },
  approveCliChallenge: {
    people: 'session',
    call: async (...all) => {
      const { token, params } = await challenge(...all)
      return { params, body: { token } }
    }
  },
  cancelCliChallenge: {
    people: 'stranger',
    call: async (...all) => {
      const { token, params } = await challenge(...all)
      return { params, body: { token } }
    }
  },
  listBoardKeys: { people: 'person' },
  createBoardKey: { people: 'session', call: () => ({ body: { name: 'matrix' } }) },
  revokeBoardKey: { people: 'person', passes: [404], call: () => ({ params: { keyId: newId() } }) },
  revokeCurrentBoardKey: { people: 'board_key', consumes: true },

  listUsers: { people: 'instance_admin' },
  promoteUser: { people: 'instance_admin', call: ofNewUser },
  demoteUser: { people: 'instance_admin', call: ofNewUser },
  deleteUser: { people: 'instance_admin', call: ofNewUser },
  endUserSessions: { people: 'instance_admin', call: ofNewUser },
  revokeUserKeys: { people: 'instance_admin', call: ofNewUser },
  listInstanceActivity: { people: 'instance_admin' },
  getMasterKeys: { people: 'instance_admin' },
  // With one key alone there is nothing to activate, and nothing to wrap again.
  rotateMasterKey: { people: 'instance_admin', call: () => ({ body: {} }) },
  retireMasterKey: {
    people: 'instance_admin',
    passes: [404],
    call: () => ({ params: { masterKeyId: 'mk_0000000000000000' } })
  },

  listCompanies: { people: 'person', agents: bothOfAgents },
  createCompany: { people: 'instance_admin', call: () => ({ body: { name: 'Matrix' } }) },
  getCompany: { people: 'viewer', agents: bothOfAgents, call: ofCompany },
  updateCompany: { people: 'admin', call: ofCompanyWith({ name: 'Renamed' }) },
  // Never the right name: what a success does to the company would end the matrix.
  deleteCompany: {
    people: 'instance_admin',
    passes: [409],
    call: (place) => ({ ...ofCompany(place), query: '?confirm=another' })
  },
  listMembers: { people: 'viewer', call: ofCompany },
  setMemberRole: {
    people: 'admin',
    call: async (place) => ({
      params: { companyId: place.companyId, userId: await place.newMember() },
      body: { role: 'operator' }
    })
  },
  removeMember: {
    people: 'admin',
    call: async (place) => ({ params: { companyId: place.companyId, userId: await place.newMember() } })
  },
  listInvites: { people: 'admin', call: ofCompany },
  createInvite: { people: 'admin', call: ofCompanyWith({ role: 'viewer' }) },
  revokeInvite: {
    people: 'admin',
    call: async (place) => ({
      params: { companyId: place.companyId, inviteId: (await place.newInvite()).id }
    })
  },
  getInvite: {
    people: 'stranger',
    call: async (place) => ({ params: { token: (await place.newInvite()).token } })
  },
  // Accepting one that is there would change who is a member of what; the tests of invites do.
  acceptInvite: { people: 'session', passes: [404], call: () => ({ params: { token: newId() } }) },

  listProjects: { people: 'viewer', call: ofCompany },
  createProject: { people: 'operator', call: ofCompanyWith({ name: 'Matrix' }) },
  getProject: { people: 'viewer', call: ofProject },
  updateProject: {
    people: 'operator',
    call: (place) => ({ ...ofProject(place), body: { name: 'Renamed' } })
  },
  deleteProject: {
    people: 'operator',
    call: async (place) => ({ params: { companyId: place.companyId, projectId: await place.newProject() } })
  },

  listAgents: { people: 'viewer', agents: bothOfAgents, call: ofCompany },
  createAgent: { people: 'operator', call: ofCompanyWith({ name: 'Matrix' }) },
  getAgent: { people: 'operator', call: ({ agentId }) => ({ params: { id: agentId } }) },
  getAgentSelf: { people: 'nobody', agents: bothOfAgents },
  updateAgent: {
    people: 'operator',
    call: ({ agentId }) => ({ params: { id: agentId }, body: { name: 'Renamed' } })
  },
  deleteAgent: { people: 'operator', call: ofNewAgent },
  pauseAgent: { people: 'operator', call: ofNewAgent },
  // It is running already.
  resumeAgent: { people: 'operator', passes: [409], call: ofNewAgent },
  terminateAgent: { people: 'operator', call: ofNewAgent },
  listAgentKeys: { people: 'operator', call: ({ agentId }) => ({ params: { id: agentId } }) },
  createAgentKey: {
    people: 'operator',
    call: ({ agentId }) => ({ params: { id: agentId }, body: { name: 'matrix' } })
  },
  revokeAgentKey: {
    people: 'operator',
    call: async (place) => ({ params: { id: place.agentId, keyId: await place.newAgentKey() } })
  },

  openRun: {
    people: 'operator',
    agents: ['agent_key'],
    expects: onlyOfItself,
    call: (place) => ({ ...ofAgent(place), body: {} })
  },
  listRuns: { people: 'viewer', call: ofCompany },
  getRun: {
    people: 'viewer',
    call: async (place) => ({ params: { companyId: place.companyId, runId: await place.newRun() } })
  },
  renewRun: {
    people: 'nobody',
    agents: ['run'],
    expects: onlyItself,
    call: async (place) => ({ params: { companyId: place.companyId, runId: await place.newRun() }, body: {} })
  },
  finishRun: {
    people: 'operator',
    agents: bothOfAgents,
    expects: onlyItself,
    call: async (place) => ({
      params: { companyId: place.companyId, runId: await place.newRun() },
      body: { status: 'succeeded' }
    })
  },

  listSecrets: { people: 'viewer', call: ofCompany },
  listSecretCatalog: { people: 'viewer', agents: bothOfAgents, call: ofCompany },
  createSecret: {
    people: 'operator',
    call: (place) => ({ ...ofCompany(place), body: { name: newId(), value: 'value' } })
  },
  getSecret: { people: 'viewer', call: ofSecret },
  getSecretUsage: { people: 'viewer', call: ofSecret },
  listSecretVersions: { people: 'viewer', call: ofSecret },
  listSecretAccessEvents: { people: 'viewer', call: ofSecret },
  rotateSecret: { people: 'operator', call: (place) => ({ ...ofSecret(place), body: { value: 'value' } }) },
  updateSecret: { people: 'operator', call: (place) => ({ ...ofSecret(place), body: { description: 'x' } }) },
  disableSecretVersion: { people: 'operator', call: ofNewVersion },
  enableSecretVersion: { people: 'operator', call: ofNewVersion },
  destroySecretVersion: { people: 'operator', call: ofNewVersion },
  deleteSecret: { people: 'operator', call: async (place) => ({ params: { id: await place.newSecret() } }) },
  listSecretProviders: { people: 'viewer', call: ofCompany },
  getSecretProvidersHealth: { people: 'viewer', call: ofCompany },
  // Local encryption has nothing to look at.
  previewVaultDiscovery: {
    people: 'admin',
    passes: [422],
    call: ofCompanyWith({ provider: 'local_encrypted', config: {} })
  },
  listVaults: { people: 'viewer', call: ofCompany },
  createVault: { people: 'admin', call: ofCompanyWith({ provider: 'vault', displayName: 'Matrix' }) },
  getVault: { people: 'viewer', call: ofNewVault },
  updateVault: {
    people: 'admin',
    call: async (place) => ({ ...(await ofNewVault(place)), body: { displayName: 'Renamed' } })
  },
  disableVault: { people: 'admin', call: ofNewVault },
  setDefaultVault: { people: 'admin', call: ofNewVault },
  checkVaultHealth: { people: 'admin', call: ofNewVault },
  // Through a vault of local encryption, where nothing of somebody else's lies.
  previewRemoteImport: {
    people: 'operator',
    passes: [422],
    call: async (place) => ({ ...ofCompany(place), body: { providerConfigId: await place.newVault() } })
  },
  commitRemoteImport: {
    people: 'operator',
    passes: [422],
    call: async (place) => ({
      ...ofCompany(place),
      body: { providerConfigId: await place.newVault(), secrets: [{ externalRef: 'matrix' }] }
    })
  },
  getAgentEnvironment: { people: 'viewer', call: ofAgent },
  putAgentEnvironment: {
    people: 'operator',
    call: (place) => ({ ...ofAgent(place), body: { env: { K: `$secret:${place.secretKey}` } } })
  },
  getProjectEnvironment: { people: 'viewer', call: ofProject },
  putProjectEnvironment: {
    people: 'operator',
    call: (place) => ({ ...ofProject(place), body: { env: {} } })
  },
  listSecretDeclarations: { people: 'viewer', call: ofCompany },
  exportCompany: { people: 'admin', call: ofCompany },
  importCompany: {
    people: 'admin',
    call: ofCompanyWith({
      manifest: {
        format: 'paperclip-company',
        version: 1,
        company: { name: 'Matrix' },
        agents: [],
        projects: []
      }
    })
  },
  migrateInlineEnvironments: { people: 'admin', call: ofCompanyWith({ apply: true }) },

  listRunSecrets: { people: 'nobody', agents: ['run'] },
  resolveRunEnvironment: { people: 'nobody', agents: ['run'] },
  revealRunSecret: {
    people: 'nobody',
    agents: ['run'],
    call: ({ secretKey }) => ({ params: { key: secretKey } })
  },
  listActivity: { people: 'viewer', call: ofCompany },
  exportActivityCsv: { people: 'admin', call: ofCompany },
  listCompanyAccessEvents: { people: 'viewer', call: ofCompany }
}
