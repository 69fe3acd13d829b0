import {
  createAgent,
  createAgentKey,
  createCompany,
  createInvite,
  createSecret,
  type OpenedRun,
  openRun
} from '@paperclip/contracts'
import type { StartedProcess } from '@paperclip/testing'
import { type Api, openApi } from './e2e-api.js'

/** Somebody with a session and a board key. */
export interface BreachPerson {
  readonly email: string
  readonly userId: string
  cookie: string
  readonly cookieName: string
  boardKey: string
}

interface Reply {
  readonly status: number
  readonly cookie: string
  readonly body: Record<string, string>
}

/** Two companies full of what a thief of the database would like, of an instance that somebody administers. */
export interface BreachWorld {
  readonly api: Api
  /** Anything over HTTP, by a cookie as a browser would, or by a bearer. */
  call(method: string, path: string, as?: { cookie?: string; token?: string; body?: unknown }): Promise<Reply>
  readonly chief: BreachPerson
  readonly ada: BreachPerson
  readonly bob: BreachPerson
  readonly agents: readonly { id: string; companyId: string; name: string; keys: string[] }[]
  readonly secrets: readonly { company: string; key: string; value: string }[]
  /** The token of an invite that nobody has accepted. */
  readonly invite: string
  /** An open run of the first agent, opened with its first key, which a thief may have. */
  readonly run: OpenedRun
  /** Begins another session, and gives its cookie. */
  signIn(person: BreachPerson): Promise<string>
  signInAgain(person: BreachPerson): Promise<void>
}

const companyNames = ['Acme', 'Globex']
const agentsPerCompany = 2
const keysPerAgent = 3
const password = 'a password that is long enough'

/** Makes the world of an instance in authenticated mode that nobody has claimed yet. */
export async function makeBreachWorld(port: string, launched: StartedProcess): Promise<BreachWorld> {
  const origin = `http://localhost:${port}`
  const api = openApi([origin])
  const call: BreachWorld['call'] = (method, path, as = {}) => send(origin, method, path, as)
  const [, claim = '', code = ''] = await launched.waitForLine(/board-claim\/([\w-]+)\?code=([\w-]+)/)
  const signUp = async (name: string, inviteToken?: string): Promise<BreachPerson> => {
    const email = `${name}@example.com`
    const body = { name, email, password, ...(inviteToken === undefined ? {} : { inviteToken }) }
    const { cookie, body: made } = await must(call('POST', '/auth/sign-up/email', { body }))
    const { id = '' } = (made as unknown as { user: { id: string } }).user
    return { email, userId: id, cookie, cookieName: cookie.split('=')[0] ?? '', boardKey: '' }
  }
  const giveKey = async (person: BreachPerson) => {
    const made = await must(call('POST', '/board-api-keys', { cookie: person.cookie, body: { name: 'cli' } }))
    person.boardKey = made.body.token ?? ''
  }
  const chief = await signUp('chief')
  const claimed = await must(
    call('POST', `/board-claim/${claim}/claim`, { cookie: chief.cookie, body: { code } })
  )
  if (claimed.cookie !== '') chief.cookie = claimed.cookie
  await giveKey(chief)
  const by = { token: chief.boardKey }

  const agents: { id: string; companyId: string; name: string; keys: string[] }[] = []
  const secrets: { company: string; key: string; value: string }[] = []
  const people: BreachPerson[] = []
  let invite = ''
  for (const name of companyNames) {
    const { id: companyId } = await api.ok(createCompany, { body: { name } }, by)
    const params = { companyId }
    const value = `the value that ${name} keeps from everybody`
    const secret = await api.ok(createSecret, { params, body: { name: `Key of ${name}`, value } }, by)
    secrets.push({ company: name, key: secret.key, value })
    for (let n = 1; n <= agentsPerCompany; n++) {
      const body = { name: `agent ${n}`, env: { KEY: `$secret:${secret.key}` } }
      const agent = await api.ok(createAgent, { params, body }, by)
      agents.push({ id: agent.id, companyId, name: agent.name, keys: await makeKeys(api, agent.id, by) })
    }
    const offered = await api.ok(createInvite, { params, body: { role: 'operator' } }, by)
    const person = await signUp(`person-of-${name.toLowerCase()}`, offered.token)
    await must(call('POST', `/invites/${offered.token}/accept`, { cookie: person.cookie }))
    await giveKey(person)
    people.push(person)
    invite = (await api.ok(createInvite, { params, body: { role: 'owner' } }, by)).token
  }
  const [first] = agents
  if (first === undefined) throw new Error('there are no agents')
  const byItsKey = { token: first.keys[0] ?? '' }
  const place = { companyId: first.companyId, agentId: first.id }
  const run = await api.ok(openRun, { params: place, body: {} }, byItsKey)
  const signIn = async ({ email }: BreachPerson) =>
    (await must(call('POST', '/auth/sign-in/email', { body: { email, password } }))).cookie
  const [ada, bob] = people
  if (ada === undefined || bob === undefined) throw new Error('there is nobody')
  return {
    api,
    call,
    chief,
    ada,
    bob,
    agents,
    secrets,
    invite,
    run,
    signIn,
    async signInAgain(person) {
      person.cookie = await signIn(person)
      await giveKey(person)
    }
  }
}

async function makeKeys(api: Api, agentId: string, by: { token: string }): Promise<string[]> {
  const keys: string[] = []
  for (let n = 1; n <= keysPerAgent; n++) {
    // Two of one name, with what no file name may have.
    const body = { name: n === 1 ? 'nightly' : 'ci / ../build' }
    keys.push((await api.ok(createAgentKey, { params: { id: agentId }, body }, by)).token)
  }
  return keys
}

async function must(sent: Promise<Reply>): Promise<Reply> {
  const reply = await sent
  if (reply.status >= 300) throw new Error(`the world cannot be made: ${reply.status} ${reply.body.code}`)
  return reply
}

async function send(
  origin: string,
  method: string,
  path: string,
  { cookie, token, body }: { cookie?: string; token?: string; body?: unknown }
): Promise<Reply> {
  const response = await fetch(`${origin}/api${path}`, {
    method,
    headers: {
      ...(token === undefined ? { origin } : { authorization: `Bearer ${token}` }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  const text = await response.text()
  const cookies = response.headers.getSetCookie().map((line) => line.split(';')[0])
  return { status: response.status, cookie: cookies.join('; '), body: text === '' ? {} : JSON.parse(text) }
}
