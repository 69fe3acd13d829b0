import { newId, type Route, routes, sessionContracts } from '@paperclip/contracts'
import t from 'tap'
import {
  addCompany,
  authenticatedInstallation,
  fromAnywhere,
  makeInstanceAdmin,
  signUp
} from './fixtures/people.js'

// Thousands of requests on a busy machine.
t.setTimeout(240_000)

const board = 'https://board.example.com'
const { gateway, admin, secrets } = await authenticatedInstallation(t, {
  PAPERCLIP_ALLOWED_ORIGINS: board,
  PAPERCLIP_LOG_LEVEL: 'warn'
})
// Several people, because each may send so many requests a second; all at once, because sign-up closes with the first admin.
const people = await Promise.all(Array.from({ length: 4 }, () => signUp(gateway)))
const [ada, stranger] = [await signUp(gateway), await signUp(gateway)]
for (const { userId } of [...people, ada]) await makeInstanceAdmin(admin, userId)
const own = `http://127.0.0.1:${gateway.port}`

const fetchMetadata = [
  [], ['same-origin', 'cors'], ['same-site', 'cors'], ['cross-site', 'cors'], ['cross-site', 'no-cors'],
  ['cross-site', 'navigate'], ['none', 'navigate']
] as const // biome-ignore format: a list reads better packed
const origins = [undefined, own, board, 'null', 'https://evil.example', `${own}.evil.example`]
const contentTypes = [
  'application/json', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined
] // biome-ignore format: a list reads better packed

/** The rule, written out once more: our origin, or none and a browser that says it is us or the person alone. */
const isWhite = (origin: string | undefined, site: string | undefined) =>
  origin === undefined ? site === 'same-origin' || site === 'none' : origin === own || origin === board

const mutating = [...routes, ...sessionContracts].filter(
  ({ method, config }) => config.visibility === 'public' && method !== 'GET'
)

/** Requests under way at a time. */
const atOnce = 64

/** What no schema takes: who gets past the guards is told that it is no JSON, and nothing is done. */
const body = '{'

interface Cell {
  route: Route
  site: string | undefined
  mode: string | undefined
  origin: string | undefined
  type: string | undefined
}

const cells: Cell[] = mutating.flatMap((route) =>
  fetchMetadata.flatMap(([site, mode]) =>
    origins.flatMap((origin) => contentTypes.map((type) => ({ route, site, mode, origin, type })))
  )
)
const white = cells.filter(({ origin, site }) => isWhite(origin, site))

t.test(
  `of ${cells.length} cells (${mutating.length} routes), the ${white.length} of our own pages alone get past the browser rule`,
  async (t) => {
    const companyId = await addCompany(admin)
    const pathOf = ({ path }: Route) =>
      `/api${path.replaceAll(/:(\w+)/g, (_, name) => (name === 'companyId' ? companyId : newId()))}`
    const before = secrets.requests.length
    const wrong: string[] = []
    let passed = 0
    let readAsJson = 0
    const send = async ({ route, site, mode, origin, type }: Cell, at: number) => {
      const { status, json } = await gateway.call(route.method, pathOf(route), {
        body,
        headers: {
          ...fromAnywhere(),
          cookie: people[at % people.length]?.cookie ?? '',
          ...(site === undefined ? {} : { 'sec-fetch-site': site, 'sec-fetch-mode': mode ?? '' }),
          ...(origin === undefined ? {} : { origin }),
          // An empty one takes the place of the fixture's own.
          ...(type === undefined ? { 'content-type': [] } : { 'content-type': type })
        }
      })
      const isRefused = status === 403 && json.code === 'untrusted_origin'
      if (!isRefused) passed++
      if (status === 400) readAsJson++
      const name = `${route.config.operationId} ${site} ${mode} ${origin} ${type}: ${status} ${json?.code}`
      if (isRefused === isWhite(origin, site)) wrong.push(name)
      // Past the guard a body is JSON or nothing: a form cannot send one that a handler sees.
      if (status < 400 || (status === 400 && type !== 'application/json')) wrong.push(name)
    }
    const queue = cells.entries()
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const [at, cell] of queue) await send(cell, at)
      })
    )
    t.same(wrong.slice(0, 20), [])
    t.equal(passed, white.length)
    t.ok(readAsJson > mutating.length, `${readAsJson} bodies were read`)
    t.equal(secrets.requests.length, before, 'and nothing reached the secrets service')
  }
)

t.test('a bearer is exempt, and a cookie that comes with it counts for nothing', async (t) => {
  const made = await gateway.call('POST', '/api/board-api-keys', {
    body: { name: 'laptop' },
    headers: { cookie: ada.cookie, origin: own }
  })
  t.equal(made.status, 201)
  const { token } = made.json
  for (const headers of [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' }
  ]) {
    const create = (more: object) =>
      gateway.call('POST', '/api/companies', { body: { name: 'C' }, headers: { ...headers, ...more } })
    const byKey = await gateway.call('POST', '/api/companies', {
      body: { name: 'C' },
      token,
      headers: { ...(headers as Record<string, string>), cookie: stranger.cookie }
    })
    t.equal(byKey.status, 201, JSON.stringify(headers))
    const bad = await create({ authorization: 'Bearer x', cookie: ada.cookie })
    t.equal(bad.status, 401, 'a bad bearer is not made good by a session')
    t.match(await create({ cookie: ada.cookie }), { json: { code: 'untrusted_origin' } }, 'the session alone')
  }
})
