import { createAgent, createCompany, createSecret, putAgentEnvironment } from '@paperclip/contracts'
import { testDatabase } from '@paperclip/testing'
import t from 'tap'
import { openApi } from './support/e2e-api.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'

t.setTimeout(110_000)

const canary = 'never-logged-4e1c9a70d2b8'
const pem = `-----BEGIN ${'PRIVATE KEY'}-----\n${canary}\n-----END ${'PRIVATE KEY'}-----`
const jwt = ['{"alg":"none"}', `{"sub":"${canary}"}`, canary].map((part) =>
  Buffer.from(part).toString('base64url')
)
const filler = 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'
const plain = (value: unknown) => ({ type: 'plain', value })

/** What strict mode refuses, by name or by look, as a text and as an object. */
const refused: Record<string, unknown> = {
  OPENAI_API_KEY: canary,
  GITHUB_TOKEN: plain(canary),
  ...{
    DB_PASSWORD: canary,
    MY_SECRET: plain(canary),
    AUTHORIZATION: canary,
    BEARER: canary,
    JWT: plain(canary)
  },
  ...{ NOTE: `sk-ant-api03-${filler}${canary}`, X: plain(`ghp_${filler} ${canary}`) },
  ...{ Y: `AKIA${filler.slice(0, 16).toUpperCase()} ${canary}`, CERT: pem, CLAIMS: jwt.join('.') },
  DATABASE_URL: `postgres://user:${canary}@db.example/app`,
  // As people paste them.
  ...{ ENCODED: Buffer.from(`ghp_${filler}${canary}`).toString('base64'), DB_PASSWORD1: canary },
  ...{
    LINES: `MODE=fast\nexport API_TOKEN="${canary}"\n`,
    NESTED: JSON.stringify({ a: `{"password":"${canary}"}` })
  },
  ...{ HEADER: `X-Api-Key: ${canary}`, LONG: `${'x '.repeat(7000)}ghp_${filler}${canary}` },
  ...{ WIDE: plain(`ghp_\u200b${filler} ${canary}`), DASHES: `sk–ant–api03–${filler}${canary}` }
}
const saved: Record<string, unknown> = {
  ...{ GIT_AUTHOR_NAME: 'A. Author', MAX_TOKENS: '4096', TOKENIZERS_PARALLELISM: 'false', MONKEY: 'yes' },
  ...{ AWS_REGION: 'us-east-1', MODEL: 'claude-opus-4', RUN: '018f2b6e-7c1a-7def-8a4b-1c2d3e4f5a6b' },
  ...{
    COMMIT: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    DB_PASSWORD: ' ',
    SITE: 'https://example.com:8080/a?b=c'
  },
  ...{
    TEMPLATE: `postgres://u:\${DB_PASSWORD}@db/x`,
    WHERE: 'token=/run/secrets/token',
    PROMPT: 'Never say the password: ask.'
  },
  ANTHROPIC_API_KEY: '$secret:real'
}
/** Bodies that are refused for another reason, before or after strict mode is asked. */
const malformed: [string, unknown][] = [
  ['a nested object', { env: { API_KEY: plain({ deep: { value: canary } }) } }],
  ['an array', { env: { API_KEY: [canary, plain(canary)] } }],
  ['a type that is not known', { env: { API_KEY: { type: 'secret', value: canary } } }],
  ['a bad name', { env: { [`1${canary}`]: canary } }],
  ['a member too many', { env: {}, [canary]: canary }],
  ['a text where an object belongs', { env: canary }],
  ['a reference to nothing', { env: { API_KEY: `$secret:${canary}` } }],
  ['a text that is no JSON', `{"env":{"API_KEY":"${canary}"`]
]

t.test('what is refused is in no answer and in no log at trace, in whatever shape it comes', async (t) => {
  const database = await testDatabase(t, { migrations: shippedMigrations })
  const installation = await startInstallation(t, {
    gateways: 1,
    secrets: 1,
    databaseUrls: { gateway: database.url('gateway'), secrets: database.url('secrets') },
    logLevel: 'trace',
    secretsEnv: { PAPERCLIP_SECRETS_STRICT_MODE: 'true' }
  })
  const [origin = ''] = installation.gateways.map((gateway) => gateway.origin)
  const api = openApi([origin])
  const { id: companyId } = await api.ok(createCompany, { body: { name: 'Strict' } })
  await api.ok(createSecret, { params: { companyId }, body: { name: 'Real', value: 'a value' } })
  const agent = await api.ok(createAgent, { params: { companyId }, body: { name: 'agent' } })
  const params = { companyId, agentId: agent.id }
  const path = `/api/companies/${companyId}/agents`
  const send = async (method: string, url: string, body: unknown) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(`${origin}${url}`, { method, headers, body: text })
    return { status: reply.status, text: await reply.text() }
  }
  const answers: string[] = []
  for (const [url, method, wrap] of [
    [`${path}/${agent.id}/env`, 'PUT', (body: object) => body],
    [path, 'POST', (body: object) => ({ name: 'other', ...body })]
  ] as const) {
    const { status, text } = await send(method, url, wrap({ env: { ...refused, MODE: 'fast' } }))
    t.equal(status, 422, `${method} ${text.slice(0, 80)}`)
    const { errors } = JSON.parse(text) as { errors: { pointer: string; code: string }[] }
    t.same(
      errors.map(({ pointer, code }) => [pointer, code]),
      Object.keys(refused).map((name) => [`/env/${name}`, 'strict_mode'])
    )
    answers.push(text)
    for (const [what, body] of malformed) {
      const answer = await send(method, url, typeof body === 'string' ? body : wrap(body as object))
      t.ok(answer.status === 400 || answer.status === 422, `${method} with ${what}: ${answer.status}`)
      // A name is the caller's own to see, as the place of a fault; a value is not.
      if (what !== 'a bad name' && what !== 'a member too many') answers.push(answer.text)
    }
  }
  await api.ok(putAgentEnvironment, { params, body: { env: saved as never } })
  t.notOk(answers.join('').includes(canary), 'no answer repeats it')
  t.notOk(installation.output().includes(canary), 'no log has it')
  t.match(installation.output(), /"level":"?(?:30|info)/, 'there are logs')
})
