import { newId } from '@paperclip/contracts'
import fc from 'fast-check'
import t from 'tap'
import { adminSession, createSecret, putEnv } from './support/fixtures.js'
import { agentKey, member, run, type Sender, secretsDatabase, startSecrets } from './support/secrets-app.js'

/* Threat T4: two companies with the same names and keys. Whatever one does, the other neither shows nor changes. */
const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)

interface Side {
  companyId: string
  agentId: string
  projectId: string
  secretIds: string[]
  marker: string
}

async function side(): Promise<Side> {
  const marker = newId().replaceAll('-', '')
  const [companyId, agentId, projectId] = [newId(), newId(), newId()]
  const secretIds: string[] = []
  for (const name of ['alpha', 'beta', 'gamma']) {
    const description = `${marker} ${name}`
    const { id } = await createSecret(app, companyId, { name, value: `of ${marker} ${name}`, description })
    secretIds.push(id)
  }
  await putEnv(app, { companyId, agentId }, { A: '$secret:alpha', TOKEN: marker, OPEN: marker })
  await putEnv(app, { companyId, projectId }, { B: '$secret:beta@1' })
  return { companyId, agentId, projectId, secretIds, marker }
}

const mine = await side()
const theirs = await side()

/** Everything stored of a company, but for the record of refused attempts, which grows by design. */
async function fingerprint({ companyId }: Side): Promise<string> {
  const tables = [
    'company_keys',
    'company_secrets',
    'company_secret_versions',
    'environments',
    'company_secret_bindings',
    'activity_log'
  ]
  const hashes = tables.map(async (table) => {
    const [row] = await sql(
      `select md5(coalesce(string_agg(r::text, '|' order by r::text), '')) as hash from ${table} r where company_id = $1`,
      [companyId]
    )
    return row?.hash
  })
  return (await Promise.all(hashes)).join()
}

// An id of either side: most pairs are crossed ones.
const either = <K extends 'companyId' | 'agentId' | 'projectId'>(name: K) =>
  fc.constantFrom(mine[name], theirs[name])
const secretId = fc.constantFrom(...mine.secretIds, ...theirs.secretIds)
const reference = fc.oneof(
  fc.constantFrom('$secret:alpha', '$secret:beta@1', '$secret:gamma'),
  secretId.map((id) => ({ type: 'secret_ref', secretId: id, version: 'latest' }))
)

const senders: Sender[] = [
  member(mine.companyId, 'owner'),
  member(mine.companyId, 'operator'),
  run(mine.companyId, mine.agentId, mine.projectId),
  run(mine.companyId, theirs.agentId, theirs.projectId),
  agentKey(mine.companyId, theirs.agentId)
]

const request = fc.oneof(
  fc.record({
    method: fc.constant('GET'),
    path: fc
      .tuple(
        either('companyId'),
        fc.constantFrom('secrets', 'secrets/catalog', 'activity', 'secret-access-events', 'secrets?query=a')
      )
      .map(([id, list]) => `/companies/${id}/${list}`)
  }),
  fc.record({
    method: fc.constant('GET'),
    path: fc
      .tuple(secretId, fc.constantFrom('', '/versions', '/usage', '/access-events'))
      .map(([id, part]) => `/secrets/${id}${part}`)
  }),
  fc.record({
    method: fc.constant('GET'),
    path: fc.tuple(either('companyId'), either('agentId')).map(([c, a]) => `/companies/${c}/agents/${a}/env`)
  }),
  fc.record({
    method: fc.constant('PUT'),
    path: fc
      .tuple(either('companyId'), either('projectId'))
      .map(([c, p]) => `/companies/${c}/projects/${p}/env`),
    body: fc.dictionary(fc.constantFrom('A', 'B', 'C'), reference, { maxKeys: 3 }).map((env) => ({ env }))
  }),
  fc.record({
    method: fc.constant('POST'),
    path: secretId.map((id) => `/secrets/${id}/rotate`),
    body: fc.constant({ value: `rotated ${mine.marker}` })
  }),
  fc.record({
    method: fc.constant('POST'),
    path: either('companyId').map((id) => `/companies/${id}/secrets`),
    body: fc.constantFrom('alpha', 'delta').map((name) => ({ name, value: `value ${mine.marker}` }))
  }),
  fc.record({ method: fc.constant('DELETE'), path: secretId.map((id) => `/secrets/${id}?force=true`) }),
  fc.record({
    method: fc.constant('POST'),
    path: fc.constantFrom('/agents/me/env', '/agents/me/secrets/alpha/value', '/agents/me/secrets/beta/value')
  }),
  fc.record({ method: fc.constant('GET'), path: fc.constant('/agents/me/secrets') })
)

const runsMax = 300

t.test('no request of one company shows or changes anything of its mirror image', async (t) => {
  const before = await fingerprint(theirs)
  const statuses = new Set<number>()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...senders), request, async (sender, sent) => {
      const answer = await app.send(sender, sent.method, sent.path, 'body' in sent ? sent.body : undefined)
      statuses.add(answer.status)
      if (answer.status >= 500) throw new Error(`${answer.status} on ${sent.method} ${sent.path}`)
      if (answer.text.includes(theirs.marker)) throw new Error(`shows the other side: ${sent.path}`)
    }),
    { numRuns: runsMax }
  )
  t.equal(await fingerprint(theirs), before)
  for (const status of [200, 403, 404]) t.ok(statuses.has(status), `some were ${status}`)
  const again = await app.send(run(theirs.companyId, theirs.agentId), 'POST', '/agents/me/env')
  t.same(again.body.env, { A: `of ${theirs.marker} alpha`, TOKEN: theirs.marker, OPEN: theirs.marker })
})
