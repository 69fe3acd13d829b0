import { newId } from '@paperclip/contracts'
import t from 'tap'
import { adminSession, createSecret, getEnv, putEnv, resolve, rotate, tryPutEnv } from './support/fixtures.js'
import { agentKey, member, operator, run, secretsDatabase, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)
const placeholder = '***REDACTED***'
const canary = 'canary-93ab-value'

const bindingsOf = (agentId: string) =>
  sql('select config_path, version from company_secret_bindings where target_id = $1 order by 1', [agentId])

const entry = (name: string, code: string) => ({ pointer: `/env/${name}`, code })

t.test('saving an environment keeps its bindings in step', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const target = { companyId, agentId }
  t.strictSame(await getEnv(app, target), { env: {} }, 'empty before')
  const one = await createSecret(app, companyId, { name: 'one', value: 'v1' })
  const two = await createSecret(app, companyId, { name: 'two', value: 'v2' })
  await putEnv(app, target, { A: { type: 'secret_ref', secretId: one.id, version: 'latest' }, B: 'plain' })
  t.strictSame(await bindingsOf(agentId), [{ config_path: 'env.A', version: null }])
  await putEnv(app, target, { A: { type: 'secret_ref', secretId: two.id.toUpperCase(), version: 1 } })
  t.strictSame(await bindingsOf(agentId), [{ config_path: 'env.A', version: 1 }], 'replaced: one row')
  const usage = await app.send(operator(), 'GET', `/secrets/${two.id}/usage`)
  t.match(usage.body, {
    secretId: two.id,
    bindings: [{ targetType: 'agent', targetId: agentId, configPath: 'env.A', versionSelector: 1 }]
  })
  t.strictSame((await app.send(operator(), 'GET', `/secrets/${one.id}/usage`)).body.bindings, [])
  await putEnv(app, target, {})
  t.strictSame(await bindingsOf(agentId), [], 'removed')
  const actions = await sql(`select action, metadata from activity_log where entity_id = $1 order by id`, [
    agentId
  ])
  t.strictSame(
    actions.map(({ metadata }) => metadata),
    [
      { entries: 2, references: 1 },
      { entries: 1, references: 1 },
      { entries: 0, references: 0 }
    ]
  )
})

t.test(
  'what an earlier version stored in the open is hidden once it is known, and sealed when saved',
  async (t) => {
    const target = { companyId: newId(), agentId: newId() }
    await putEnv(app, target, { MODE: 'fast', NOTE: 'plain' })
    const rows = await sql(`update environments set plain = $2 where target_id = $1 returning plain`, [
      target.agentId,
      JSON.stringify({ MODE: 'fast', NOTE: `password=${canary}` })
    ])
    t.equal(rows.length, 1)
    const shown = {
      MODE: { type: 'plain', value: 'fast' },
      NOTE: { type: 'plain', value: placeholder }
    } as const
    t.strictSame((await getEnv(app, target)).env, shown)
    const declared = await app.send(operator(), 'GET', `/companies/${target.companyId}/env/declarations`)
    t.match(declared.body.environments[0].env, { MODE: { value: 'fast' }, NOTE: { kind: 'secret' } })
    t.notOk(declared.text.includes(canary), 'nor does it go along into another instance')
    t.strictSame((await putEnv(app, target, shown)).env, shown)
    const [row] = await sql('select plain, sealed from environments where target_id = $1', [target.agentId])
    t.same(JSON.parse(String(row?.plain)), { MODE: 'fast' })
    t.equal((await resolve(app, target)).body.env.NOTE, `password=${canary}`)
  }
)

t.test('a value in the place of a name is refused, and repeated nowhere', async (t) => {
  const drawn = 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'
  for (const name of [`ghp_${drawn}`, `paperclip_agent_${drawn}`, `hf_${drawn}`]) {
    const { status, body } = await tryPutEnv(app, { companyId: newId(), agentId: newId() }, { [name]: 'x' })
    t.match(
      { status, body },
      { status: 422, body: { errors: [{ pointer: '/env/…', code: 'name_invalid' }] } }
    )
    t.notMatch(JSON.stringify(body), drawn)
  }
})

t.test('the text form of a reference reads back as the object form of the same secret', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { name: 'OpenAI Key', value: 'v1' })
  await rotate(app, id, 'v2')
  const object = { type: 'secret_ref', secretId: id }
  const shown = await putEnv(
    app,
    { companyId, agentId },
    {
      TEXT: '$secret:openai-key',
      OBJECT: { ...object, version: 'latest' },
      UNSAID: object,
      PINNED: '$secret:OpenAI-Key@1',
      LITERAL: { type: 'plain', value: '$secret:openai-key' }
    }
  )
  const latest = { ...object, version: 'latest' }
  t.strictSame(shown.env, {
    TEXT: latest,
    OBJECT: latest,
    UNSAID: latest,
    PINNED: { ...object, version: 1 },
    LITERAL: { type: 'plain', value: '$secret:openai-key' }
  })
  t.strictSame(await getEnv(app, { companyId, agentId }), shown)
  t.same((await resolve(app, { companyId, agentId })).body.env, {
    TEXT: 'v2',
    OBJECT: 'v2',
    UNSAID: 'v2',
    PINNED: 'v1',
    LITERAL: '$secret:openai-key'
  })
})

t.test('every faulty entry is named, and nothing of the environment is saved', async (t) => {
  const [companyId, other, agentId] = [newId(), newId(), newId()]
  const target = { companyId, agentId }
  const mine = await createSecret(app, companyId, { name: 'mine', value: 'v' })
  const foreign = await createSecret(app, other, { name: 'foreign', value: 'v' })
  const deleted = await createSecret(app, companyId, { name: 'deleted', value: 'v' })
  await app.send(operator(), 'DELETE', `/secrets/${deleted.id}`)
  const saved = await putEnv(app, target, { KEEP: '$secret:mine', MODE: 'fast' })
  const ref = (secretId: string, version: unknown = 'latest') => ({ type: 'secret_ref', secretId, version })
  const answer = await tryPutEnv(app, target, {
    '1A': 'x',
    'A-B': 'x',
    '': 'x',
    'LINE\nBREAK': 'x',
    'A/B~C': 'x',
    [`${'N'.repeat(80)}-N`]: 'x',
    paperclip_home: 'x',
    PAPERCLIP_API_KEY: 'x',
    UNKNOWN: ref(newId()),
    FOREIGN: ref(foreign.id),
    DELETED: ref(deleted.id),
    BY_KEY: '$secret:foreign',
    GONE: '$secret:deleted',
    MISSING: ref(mine.id, 99),
    MISSING_TEXT: '$secret:mine@2',
    ZERO: '$secret:mine@0',
    BLANK: '$secret:',
    HIDDEN: placeholder,
    NUL: 'a\u0000b',
    FINE: '$secret:mine'
  })
  t.equal(answer.status, 422)
  t.equal(answer.body.code, 'env_invalid')
  t.match(answer.body.errors, [
    entry('1A', 'name_invalid'),
    entry('A-B', 'name_invalid'),
    entry('', 'name_invalid'),
    entry('LINE\nBREAK', 'name_invalid'),
    entry('A~1B~0C', 'name_invalid'),
    entry(`${'N'.repeat(80)}…`, 'name_invalid'),
    entry('paperclip_home', 'name_reserved'),
    entry('PAPERCLIP_API_KEY', 'name_reserved'),
    entry('ZERO', 'reference_invalid'),
    entry('BLANK', 'reference_invalid'),
    entry('NUL', 'value_invalid'),
    entry('HIDDEN', 'placeholder_unknown'),
    entry('UNKNOWN', 'secret_not_found'),
    entry('FOREIGN', 'secret_not_found'),
    entry('DELETED', 'secret_not_found'),
    entry('BY_KEY', 'secret_not_found'),
    entry('GONE', 'secret_not_found'),
    entry('MISSING', 'version_missing'),
    entry('MISSING_TEXT', 'version_missing')
  ])
  t.equal(answer.body.errors.length, 19)
  const words = answer.body.errors.filter(({ code }: { code: string }) => code === 'secret_not_found')
  t.equal(new Set(words.map(({ message }: { message: string }) => message)).size, 1, 'foreign as unknown')
  t.strictSame(await getEnv(app, target), saved)
  t.strictSame(await bindingsOf(agentId), [{ config_path: 'env.KEEP', version: null }])
})

t.test('a body of the wrong shape is 400', async (t) => {
  const target = { companyId: newId(), agentId: newId() }
  const secretId = newId()
  const shapes: unknown[] = [
    5,
    [],
    null,
    { A: 5 },
    { A: null },
    { A: ['x'] },
    { A: { type: 'plain' } },
    { A: { type: 'plain', value: 5 } },
    { A: { type: 'plain', value: 'x', extra: 1 } },
    { A: { type: 'secret_ref', secretId: 'no-uuid' } },
    { A: { type: 'secret_ref', secretId, version: 0 } },
    { A: { type: 'secret_ref', secretId, version: -1 } },
    { A: { type: 'secret_ref', secretId, version: '1' } },
    { A: { type: 'secret_ref', secretId, version: 1.5 } },
    { A: { type: 'secret_ref', secretId, version: 2 ** 31 } },
    { A: 'x'.repeat(16_385) },
    { ['N'.repeat(257)]: 'x' },
    { 'A\nB': { nested: true } },
    Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`N${index}`, 'x']))
  ]
  for (const env of shapes)
    t.equal((await tryPutEnv(app, target, env)).status, 400, JSON.stringify(env).slice(0, 60))
  const path = `/companies/${target.companyId}/agents/${target.agentId}/env`
  t.equal((await app.send(operator(), 'PUT', path, '{"env":{"__proto__":"x"}}')).status, 400)
  t.equal((await app.send(operator(), 'PUT', path, {})).status, 400)
  t.equal((await app.send(operator(), 'PUT', path)).status, 400)
  t.strictSame(await getEnv(app, target), { env: {} })
})

t.test('names that objects inherit are ordinary names', async (t) => {
  const target = { companyId: newId(), agentId: newId() }
  const env = { constructor: 'a', hasOwnProperty: 'b', toString: 'c', valueOf: 'd', toJSON: 'e' }
  const shown = await putEnv(app, target, env)
  t.strictSame(Object.keys(shown.env), Object.keys(env))
  t.same((await resolve(app, target)).body.env, env)
})

t.test('plain values are bounded one by one and together, kept ones included', async (t) => {
  const target = { companyId: newId(), agentId: newId() }
  const sized = (prefix: string, count: number, bytes: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`${prefix}${index}_TOKEN`, 'x'.repeat(bytes)])
    )
  const tooWide = await tryPutEnv(app, target, { WIDE: 'é'.repeat(8193) })
  t.match(tooWide.body, { code: 'env_invalid', errors: [entry('WIDE', 'value_too_large')] })
  const tooMany = await tryPutEnv(app, target, { ...sized('A', 16, 16_384), B: 'x' })
  t.match(tooMany.body, { code: 'env_invalid', errors: [{ code: 'plain_values_too_large' }] })
  const { env } = await putEnv(app, target, sized('A', 16, 16_384))
  const more = await tryPutEnv(app, target, { ...env, ...sized('B', 16, 16_384) })
  t.match(more, { status: 422, body: { errors: [{ code: 'plain_values_too_large' }] } })
})

t.test(
  'with strict mode off sensitive values are sealed, hidden, and kept by their placeholder',
  async (t) => {
    const target = { companyId: newId(), agentId: newId() }
    const given = {
      DB_PASSWORD: canary,
      GITHUB_TOKEN: { type: 'plain', value: `${canary} two` },
      NOTE: `sk-ant-api03-${canary}`,
      MODE: 'open'
    }
    const hidden = { type: 'plain', value: placeholder }
    const shown = await putEnv(app, target, given)
    t.strictSame(shown.env, {
      DB_PASSWORD: hidden,
      GITHUB_TOKEN: hidden,
      NOTE: hidden,
      MODE: { type: 'plain', value: 'open' }
    })
    const values = {
      DB_PASSWORD: canary,
      GITHUB_TOKEN: `${canary} two`,
      NOTE: `sk-ant-api03-${canary}`,
      MODE: 'open'
    }
    t.same((await resolve(app, target)).body.env, values)
    const back = { ...shown.env, DB_PASSWORD: placeholder, MODE: 'shut' }
    t.same((await putEnv(app, target, back)).env.DB_PASSWORD, hidden)
    t.same((await resolve(app, target)).body.env, { ...values, MODE: 'shut' })
    const renamed = await tryPutEnv(app, target, { ...shown.env, OTHER_TOKEN: hidden })
    t.match(renamed, { status: 422, body: { errors: [entry('OTHER_TOKEN', 'placeholder_unknown')] } })
    const [row] = await sql<{ plain: string; sealed: Buffer }>(
      'select plain, sealed from environments where target_id = $1',
      [target.agentId]
    )
    t.notMatch(JSON.stringify(row?.plain), canary)
    t.notOk(row?.sealed.includes(canary))
  }
)

t.test('strict mode refuses what looks like a secret, and takes references and blanks', async (t) => {
  const strict = await startSecrets(t, database, { PAPERCLIP_SECRETS_STRICT_MODE: 'true' })
  const target = { companyId: newId(), agentId: newId() }
  await createSecret(strict, target.companyId, { name: 'Real', value: canary })
  const refused = await tryPutEnv(strict, target, {
    OPENAI_API_KEY: canary,
    NOTE: `ghp_${'a'.repeat(36)}`,
    DATABASE_URL: `postgres://u:${canary}@db/x`,
    MY_SECRET: { type: 'plain', value: canary },
    OTHER: { type: 'plain', value: `ghp_${'a'.repeat(36)}` },
    REFERRING_TOKEN: { type: 'plain', value: '$secret:real' },
    BLANK_TOKEN: { type: 'plain', value: ' ' },
    MODE: 'ok'
  })
  t.match(refused.body.errors, [
    entry('OPENAI_API_KEY', 'strict_mode'),
    entry('NOTE', 'strict_mode'),
    entry('DATABASE_URL', 'strict_mode'),
    entry('MY_SECRET', 'strict_mode'),
    entry('OTHER', 'strict_mode'),
    entry('REFERRING_TOKEN', 'strict_mode')
  ])
  t.equal(refused.body.errors.length, 6)
  t.notMatch(refused.text, canary)
  const env = { OPENAI_API_KEY: '$secret:real', DB_PASSWORD: ' ', GIT_AUTHOR_NAME: 'A', MAX_TOKENS: '9' }
  await putEnv(strict, target, env)
  t.same((await resolve(strict, target)).body.env, { ...env, OPENAI_API_KEY: canary })
  const shown = await putEnv(app, target, { ...env, MY_SECRET: canary })
  t.equal((await tryPutEnv(strict, target, shown.env)).status, 200, 'what was stored before is kept')
  const authenticated = await startSecrets(t, database, { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' })
  t.equal((await tryPutEnv(authenticated, target, { API_KEY: canary })).status, 422, 'on by default')
  for (const service of [strict, authenticated]) t.notMatch(service.logs(), canary)
})

t.test('of two parallel saves one wins as a whole', async (t) => {
  const target = { companyId: newId(), agentId: newId() }
  await createSecret(app, target.companyId, { name: 's', value: 'v' })
  const sides = ['L', 'R'].map((side) => ({
    [`${side}_REF`]: '$secret:s',
    [`${side}_TOKEN`]: side,
    SIDE: side
  }))
  for (let round = 0; round < 5; round++) {
    await Promise.all(sides.map((env) => putEnv(app, target, env)))
    const { env } = (await resolve(app, target)).body
    t.same(env, { [`${env.SIDE}_REF`]: 'v', [`${env.SIDE}_TOKEN`]: env.SIDE, SIDE: env.SIDE })
  }
})

t.test('a save that fails half-way leaves nothing behind', async (t) => {
  const target = { companyId: newId(), agentId: newId() }
  await createSecret(app, target.companyId, { name: 's', value: 'v' })
  const saved = await putEnv(app, target, { A: '$secret:s' })
  await sql('alter table activity_log add constraint injected check (action <> $$env.updated$$) not valid')
  const failed = await tryPutEnv(app, target, { B: 'x' })
  const created = await app.send(operator(), 'POST', `/companies/${target.companyId}/secrets`, {
    name: 'unaffected',
    value: 'v'
  })
  await sql('alter table activity_log drop constraint injected')
  t.equal(failed.status, 500)
  t.notMatch(failed.text, 'injected')
  t.equal(created.status, 201)
  t.strictSame(await getEnv(app, target), saved)
})

t.test('an agent reads no environment, and its catalog holds what is bound to it', async (t) => {
  const [companyId, agentId, projectId] = [newId(), newId(), newId()]
  for (const name of ['a', 'p', 'free']) await createSecret(app, companyId, { name, value: 'v' })
  await putEnv(app, { companyId, agentId }, { A: '$secret:a' })
  await putEnv(app, { companyId, projectId }, { P: '$secret:p' })
  const keys = async (sender: Parameters<typeof app.send>[0]) => {
    const answer = await app.send(sender, 'GET', `/companies/${companyId}/secrets/catalog`)
    return answer.body.map(({ key }: { key: string }) => key)
  }
  t.strictSame(await keys(agentKey(companyId, agentId)), ['a'])
  t.strictSame(await keys(run(companyId, agentId, projectId)), ['p', 'a'])
  t.strictSame(await keys(agentKey(companyId, newId())), [])
  t.strictSame(await keys(member(companyId, 'viewer')), ['free', 'p', 'a'])
  for (const sender of [agentKey(companyId, agentId), run(companyId, agentId)])
    t.match(await app.send(sender, 'GET', `/companies/${companyId}/agents/${agentId}/env`), {
      status: 403,
      body: { code: 'forbidden' }
    })
})

t.test('no log line holds a value', async (t) => {
  t.notMatch(app.logs(), canary)
})
