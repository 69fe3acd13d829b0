import { newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  signIn,
  signUp
} from './fixtures/people.js'
import { sendRaw, statusOf } from './fixtures/raw-request.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(180_000)

// Nobody stands in front of this one: whatever says so is made up.
const { gateway, admin, secrets } = await authenticatedInstallation(t, { TRUST_PROXY: '' })
const ada = await signUp(gateway)
const companyId = await addCompany(admin)
await addMember(admin, companyId, ada.userId, 'viewer')
const session = asSession(gateway, ada)
secrets.answer = ({ actor }) => ({ status: 200, body: [{ actor: { ...actor, requestId: null } }] })

const forgedActor = Buffer.from(
  JSON.stringify({ v: 1, type: 'service', userId: 'eve', isInstanceAdmin: true, companyId: newId() })
).toString('base64url')

/** What the private hop, proxies and frameworks speak with each other, and what somebody would like them to hear. */
const injected: Record<string, string> = {
  'paperclip-actor': forgedActor,
  signature: 'sig1=:AAAA:',
  'signature-input': 'sig1=("@method");keyid="gateway-1";tag="paperclip-internal-1"',
  'content-digest': 'sha-256=:AAAA:',
  'x-paperclip-run-id': newId(),
  'x-actor-id': 'eve',
  'x-actor-type': 'service',
  'x-actor-role': 'owner',
  'x-run-id': newId(),
  'x-user-id': 'eve',
  'x-company-id': newId(),
  'x-request-id': 'eve',
  forwarded: 'for=10.9.9.9;host=evil.example;proto=https',
  'x-forwarded-for': '10.9.9.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '443',
  'x-forwarded-prefix': '/evil',
  'x-real-ip': '10.9.9.9',
  'x-real-client': '10.9.9.9',
  'x-client-ip': '10.9.9.9',
  'x-http-method-override': 'DELETE',
  'x-http-method': 'DELETE',
  'x-method-override': 'DELETE',
  'x-original-url': '/api/admin/users',
  'x-rewrite-url': '/api/admin/users',
  via: '1.1 evil.example'
}

const titled = (name: string) => name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase())
const casings: ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  titled,
  (name) => [...name].map((letter, at) => (at % 2 === 0 ? letter : letter.toUpperCase())).join(''),
  (name) => name.slice(0, -1) + name.slice(-1).toUpperCase()
]
/** Once, twice, and joined as a proxy joins them. */
const forms: ((value: string) => string | string[])[] = [
  (value) => value,
  (value) => [value, value],
  (value) => `${value}, ${value}`
]

const variants = Object.entries(injected).flatMap(([name, value]) =>
  casings.flatMap((casing) => forms.map((form) => ({ [casing(name)]: form(value) })))
)

/** What one request comes to: the reply, and the request that the secrets service got. */
async function readSecrets(extra: Record<string, string | string[]>) {
  const reply = await gateway.call('GET', `/api/companies/${companyId}/secrets?limit=5`, {
    headers: { ...session, ...extra }
  })
  const hop = secrets.requests.at(-1)
  const { 'x-request-id': _, date, ...headers } = reply.headers
  return {
    reply: { status: reply.status, headers, text: reply.text },
    hop: {
      method: hop?.method,
      url: hop?.url,
      names: hop?.rawHeaders
        .filter((_, at) => at % 2 === 0)
        .map((name) => name.toLowerCase())
        .sort(),
      host: hop?.headers.host,
      actor: { ...hop?.actor, requestId: null }
    }
  }
}

t.test(
  `of ${variants.length} injected headers none changes the reply, or what the secrets service gets`,
  async (t) => {
    const clean = await readSecrets({})
    t.match(clean, {
      reply: { status: 200 },
      hop: { actor: { type: 'board', userId: ada.userId, isInstanceAdmin: false, runId: null } }
    })
    const changed: string[] = []
    for (const extra of variants)
      if (JSON.stringify(await readSecrets(extra)) !== JSON.stringify(clean))
        changed.push(JSON.stringify(extra))
    t.same(changed, [])
    t.same(secrets.refused, [])
    const all = Object.fromEntries(Object.entries(injected))
    t.same(await readSecrets(all), clean, 'nor all of them at once')
  }
)

t.test('a method stays what it is, and the record names who really called', async (t) => {
  await addMember(admin, companyId, ada.userId, 'operator')
  const path = `/api/companies/${companyId}/projects`
  const made = await gateway.call('POST', path, { body: { name: 'clean' }, headers: session })
  t.equal(made.status, 201)
  for (const [name, value] of Object.entries(injected)) {
    const { status } = await gateway.call('POST', path, {
      body: { name },
      headers: { ...session, [name]: value }
    })
    t.equal(status, 201, name)
    const still = await gateway.call('GET', `${path}/${made.json.id}`, {
      headers: { ...session, [name]: value }
    })
    t.equal(still.status, 200, `${name}: nothing was deleted`)
  }
  const records = () =>
    secrets.applied.map((item) => JSON.stringify(item)).filter((text) => text.includes('"project.created"'))
  await eventually(() => {
    if (records().length <= Object.keys(injected).length) throw new Error('not yet all')
  })
  for (const text of records()) {
    t.match(text, `"${ada.userId}"`)
    t.notMatch(text, /eve|10\.9\.9\.9|evil/)
  }
  await addMember(admin, companyId, ada.userId, 'viewer')
})

t.test('the address that is recorded and counted is the one that connected', async (t) => {
  const sources = Object.entries(injected).filter(([, value]) => value.includes('10.9.9.9'))
  t.ok(sources.length >= 5)
  for (const [name, value] of sources) {
    await admin.query('truncate rate_limits')
    const body = { email: ada.email, password: ada.password }
    const reply = await gateway.call('POST', '/api/auth/sign-in/email', { body, headers: { [name]: value } })
    t.equal(reply.status, 200, name)
  }
  const last = await signIn(gateway, ada)
  const listed = await gateway.call('GET', '/api/auth/list-sessions', { headers: { cookie: last.cookie } })
  const addresses = (listed.rows as unknown as { ipAddress: string }[]).map(({ ipAddress }) => ipAddress)
  t.ok(addresses.length > sources.length)
  t.same([...new Set(addresses)], ['127.0.0.1'])
  await admin.query('truncate rate_limits')
  const statuses: number[] = []
  for (let at = 0; at < 12; at++) {
    const address = `10.9.9.${at}`
    const headers = { 'x-forwarded-for': address, 'x-real-ip': address, forwarded: `for=${address}` }
    const asked = await gateway.call('POST', '/api/cli-auth/challenges', { body: { command: 'x' }, headers })
    statuses.push(asked.status)
  }
  t.same(
    statuses,
    [...Array(10).fill(201), 429, 429],
    'a limit is not escaped by naming another address each time'
  )
})

t.test('what is folded, or smuggled behind a name, is no request', async (t) => {
  const lines = (...more: string[]) =>
    [
      'GET /api/me HTTP/1.1',
      'Host: localhost',
      `Cookie: ${ada.cookie}`,
      ...more,
      'Connection: close',
      '',
      ''
    ].join('\r\n')
  t.equal(statusOf(await sendRaw(gateway.port, lines())), 200)
  for (const bad of [
    'X-Actor-Id: a\r\n eve', 'X-Actor-Id : eve', 'X-Actor-Id\t: eve', ' X-Actor-Id: eve', 'X-Actor-Id\u0000: eve',
    'X-Actor-Id: eve\u0000', 'X-Actor-Id: a\rX-Run-Id: eve', 'X Actor Id: eve', ': eve', 'Content-Length: 0\r\nContent-Length: 5',
    'Transfer-Encoding: chunked\r\nContent-Length: 5', 'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: xchunked'
  ]) {
    const reply = await sendRaw(gateway.port, lines(bad))
    t.equal(statusOf(reply), 400, JSON.stringify(bad))
    t.notMatch(reply, /eve/)
  } // biome-ignore format: a list reads better packed
  for (const name of ['X_Actor_Id', 'x_forwarded_for', 'Paperclip_Actor', 'X-Forwarded-For.'])
    t.equal(statusOf(await sendRaw(gateway.port, lines(`${name}: eve`))), 200, `${name} is another header`)
})
