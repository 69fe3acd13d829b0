import type { CompanyRole } from '@paperclip/contracts'
import { type Answer, type Maker, make, type Place, type Send } from './matrix-places.js'

export type Where = 'own' | 'foreign'

/** Somebody who calls. Everybody has one company of their own, whose name is `own`; some know `foreign` as well. */
export interface Caller {
  readonly name: string
  readonly kind: 'stranger' | 'broken' | 'session' | 'board_key' | 'agent_key' | 'run'
  /** Of a broken credential: the code of every answer. */
  readonly refusal?: string
  readonly roles: Readonly<Partial<Record<Where, CompanyRole>>>
  readonly isInstanceAdmin: boolean
  /** Of an agent's credential. */
  readonly home?: Where
  headers: Record<string, string>
  /** Gets another credential of the same kind, after the former was used up. */
  renew?(): Promise<void>
}

/** A person who has signed up. */
export interface Person {
  readonly name: string
  readonly userId: string
  readonly headers: { cookie: string }
}

const password = 'a long enough password'

/** Signs a person up, and returns what their browser would send. */
export async function signUp(send: Send, name: string): Promise<Person> {
  const headers = {
    cookie: cookieOf(await send('POST', '/api/auth/sign-up/email', { body: { ...account(name), name } }))
  }
  const me = await send('GET', '/api/me', { headers })
  return { name, userId: me.body.userId, headers }
}

/** Begins another session; who shares the person's headers has it from then on. */
async function signInAgain(send: Send, { name, headers }: Person): Promise<void> {
  headers.cookie = cookieOf(await send('POST', '/api/auth/sign-in/email', { body: account(name) }))
}

function account(name: string): { email: string; password: string } {
  return { email: `${name}@example.com`, password }
}

function cookieOf({ status, headers }: Answer): string {
  const [cookie = ''] = headers.getSetCookie()
  if (status >= 300 || cookie === '') throw new Error(`no session was begun: ${status}`)
  return cookie.split(';', 1)[0] ?? ''
}

interface Cast {
  /** Everybody who needs a password, in any order; signed up while that is open. */
  readonly people: Readonly<
    Record<'viewer' | 'operator' | 'admin' | 'owner' | 'stranger' | 'neighbour', Person>
  >
  readonly chief: Person
  readonly own: Place
  readonly foreign: Place
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const nobody = { roles: {}, isInstanceAdmin: false } as const

/** Makes every kind of caller there is. The people already have the roles that their names say. */
export async function newCallers(maker: Maker, { people, chief, own, foreign }: Cast): Promise<Caller[]> {
  const session = (name: string, person: Person, roles: Caller['roles']): Caller => ({
    name,
    kind: 'session',
    roles,
    isInstanceAdmin: false,
    headers: person.headers,
    renew: () => signInAgain(maker.send, person)
  })
  const boardKey = async (
    name: string,
    person: Person,
    rights: Pick<Caller, 'roles' | 'isInstanceAdmin'>,
    companyId?: string
  ): Promise<Caller> => {
    const newKey = async () => {
      const body = { name: 'matrix', ...(companyId === undefined ? {} : { companyId }) }
      return bearer(
        (await make({ ...maker, admin: person.headers }, 'POST', '/api/board-api-keys', body)).token
      )
    }
    const caller: Caller = {
      name,
      kind: 'board_key',
      ...rights,
      headers: await newKey(),
      async renew() {
        caller.headers = await newKey()
      }
    }
    return caller
  }
  const memberOf = (roles: Caller['roles']) => ({ roles, isInstanceAdmin: false })
  const everywhere = { roles: {}, isInstanceAdmin: true }
  return [
    { name: 'nobody', kind: 'stranger', ...nobody, headers: {} },
    broken('a made-up bearer', 'unauthenticated', 'x'),
    broken('an unknown board key', 'unauthenticated', `paperclip_board_${'A'.repeat(43)}`),
    { name: 'a made-up cookie', kind: 'stranger', ...nobody, headers: { cookie: forgedCookie(chief) } },
    session('viewer', people.viewer, { own: 'viewer' }),
    session('operator', people.operator, { own: 'operator' }),
    session('admin', people.admin, { own: 'admin' }),
    session('owner', people.owner, { own: 'owner' }),
    session('member of nothing', people.stranger, {}),
    session('owner of another company', people.neighbour, { foreign: 'owner' }),
    { ...session('instance admin', chief, {}), isInstanceAdmin: true },
    await boardKey('board key of the operator', people.operator, memberOf({ own: 'operator' })),
    await boardKey(
      'board key of the owner for this company',
      people.owner,
      memberOf({ own: 'owner' }),
      own.companyId
    ),
    await boardKey('board key of the instance admin', chief, everywhere),
    await boardKey(
      'board key of the instance admin for one company',
      chief,
      memberOf({ foreign: 'owner' }),
      foreign.companyId
    ),
    ...(await agentCallers(maker, { own, foreign })),
    ...(await formerCallers(maker, chief))
  ]
}

async function agentCallers(maker: Maker, places: Readonly<Record<Where, Place>>): Promise<Caller[]> {
  const callers: Caller[] = []
  for (const [home, place] of Object.entries(places) as [Where, Place][]) {
    const { token: key } = await make(maker, 'POST', `/api/agents/${place.agentId}/keys`, { name: 'matrix' })
    const run = await openRun(maker, place)
    callers.push(
      { name: `agent key, ${home} company`, kind: 'agent_key', ...nobody, home, headers: bearer(key) },
      { name: `run, ${home} company`, kind: 'run', ...nobody, home, headers: bearer(run.token) }
    )
  }
  const { own } = places
  const revoked = await make(maker, 'POST', `/api/agents/${own.agentId}/keys`, { name: 'revoked' })
  await make(maker, 'DELETE', `/api/agents/${own.agentId}/keys/${revoked.id}`)
  const closed = await openRun(maker, own)
  const finish = `/api/companies/${own.companyId}/runs/${closed.run.id}/finish`
  await make(maker, 'POST', finish, { status: 'succeeded' })
  return [
    ...callers,
    broken('revoked agent key', 'credential_revoked', revoked.token),
    broken('run that has ended', 'run_closed', closed.token)
  ]
}

/** Credentials of an instance admin that were good once. */
async function formerCallers(maker: Maker, chief: Person): Promise<Caller[]> {
  const ended = { ...chief, headers: { cookie: '' } }
  await signInAgain(maker.send, ended)
  await make({ ...maker, admin: ended.headers }, 'POST', '/api/auth/sign-out')
  const revoked = await make(maker, 'POST', '/api/board-api-keys', { name: 'revoked' })
  await make(maker, 'DELETE', `/api/board-api-keys/${revoked.id}`)
  const expired = await make(maker, 'POST', '/api/board-api-keys', { name: 'expired' })
  await maker.database.query('update gateway.board_api_keys set expires_at = now() where id = $1', [
    expired.id
  ])
  return [
    { name: 'session that was ended', kind: 'stranger', ...nobody, headers: ended.headers },
    broken('revoked board key', 'credential_revoked', revoked.token),
    broken('expired board key', 'credential_expired', expired.token)
  ]
}

function broken(name: string, refusal: string, token: string): Caller {
  return { name, kind: 'broken', refusal, ...nobody, headers: bearer(token) }
}

function openRun(
  maker: Maker,
  { companyId, agentId }: Place
): Promise<{ token: string; run: { id: string } }> {
  return make(maker, 'POST', `/api/companies/${companyId}/agents/${agentId}/runs`, {})
}

/** A real cookie with another signature. */
function forgedCookie({ headers }: Person): string {
  return headers.cookie.replace(/\.[^.;]*(?=;|$)/, `.${encodeURIComponent(`${'A'.repeat(43)}=`)}`)
}
