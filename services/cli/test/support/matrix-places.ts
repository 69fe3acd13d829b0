import { randomBytes } from 'node:crypto'
import { newId } from '@paperclip/contracts'
import type pg from 'pg'

/** A reply as the matrix looks at it. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  // The shape is the test's to assert; unknown would make each line a cast.
  readonly body: ReturnType<typeof JSON.parse>
}

/** Sends one request to the next gateway in turn, each from another address, so that no limit by address is met. */
export type Send = (
  method: string,
  path: string,
  options?: { headers?: Record<string, string>; body?: unknown }
) => Promise<Answer>

/** Where a request goes: a company with one of everything in it, or nowhere. Each `new…` makes one to be used up. */
export interface Place {
  readonly companyId: string
  readonly agentId: string
  readonly projectId: string
  readonly secretId: string
  readonly secretKey: string
  newAgent(): Promise<string>
  newProject(): Promise<string>
  newSecret(): Promise<string>
  newVault(): Promise<string>
  newAgentKey(): Promise<string>
  newRun(): Promise<string>
  newInvite(): Promise<{ id: string; token: string }>
  newMember(): Promise<string>
}

/** Makes rows as an instance admin who calls the API, and people by SQL, since hashing passwords takes long. */
export interface Maker {
  readonly send: Send
  readonly admin: Record<string, string>
  readonly database: pg.Client
}

/** Calls as the instance admin, and throws for anything but a success. */
export async function make(
  { send, admin }: Maker,
  method: string,
  path: string,
  body?: unknown
): Promise<Answer['body']> {
  const answer = await send(method, path, { headers: admin, ...(body === undefined ? {} : { body }) })
  if (answer.status >= 300) throw new Error(`${method} ${path} answers ${answer.status} ${answer.text}`)
  return answer.body
}

/** Makes a user without a password. */
export async function newUser({ database }: Maker): Promise<string> {
  const id = newId()
  await database.query('insert into gateway."authUsers" (id, name, email) values ($1, $2, $3)', [
    id,
    'Matrix',
    `${id}@example.com`
  ])
  return id
}

/** Makes a company with an agent to whom a secret is bound. */
export async function newPlace(maker: Maker, name: string): Promise<Place> {
  const { id: companyId } = await make(maker, 'POST', '/api/companies', { name })
  const below = `/api/companies/${companyId}`
  const secretKey = 'matrix'
  const { id: secretId } = await make(maker, 'POST', `${below}/secrets`, { name: secretKey, value: 'value' })
  const env = { K: `$secret:${secretKey}` }
  const { id: agentId } = await make(maker, 'POST', `${below}/agents`, { name: 'agent', env })
  const idOf = async (path: string, body: unknown): Promise<string> => {
    const made = await make(maker, 'POST', path, body)
    return made.id
  }
  const newProject = () => idOf(`${below}/projects`, { name: 'project' })
  return {
    companyId,
    agentId,
    secretId,
    secretKey,
    projectId: await newProject(),
    newProject,
    newAgent: () => idOf(`${below}/agents`, { name: 'another' }),
    newSecret: () => idOf(`${below}/secrets`, { name: newId(), value: 'value' }),
    newVault: () =>
      idOf(`${below}/secret-provider-configs`, { provider: 'local_encrypted', displayName: 'vault' }),
    newAgentKey: () => idOf(`/api/agents/${agentId}/keys`, { name: 'key' }),
    newRun: async () => (await make(maker, 'POST', `${below}/agents/${agentId}/runs`, {})).run.id,
    newInvite: () => make(maker, 'POST', `${below}/invites`, { role: 'viewer' }),
    async newMember() {
      const userId = await newUser(maker)
      await maker.database.query(
        `insert into gateway.company_memberships (company_id, principal_type, principal_id, role)
         values ($1, 'user', $2, 'viewer')`,
        [companyId, userId]
      )
      return userId
    }
  }
}

/** A place that is not there: every id is well formed and nobody's. */
export function nowhere(companyId: string = newId()): Place {
  const absent = async () => newId()
  return {
    companyId,
    agentId: newId(),
    projectId: newId(),
    secretId: newId(),
    secretKey: 'absent',
    newAgent: absent,
    newProject: absent,
    newSecret: absent,
    newVault: absent,
    newAgentKey: absent,
    newRun: absent,
    newMember: absent,
    newInvite: async () => ({ id: newId(), token: randomBytes(32).toString('base64url') })
  }
}
