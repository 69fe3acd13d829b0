import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { createCredentialChain } from '../src/provider/aws/aws-credential-chain.js'
import { createCredentialSource } from '../src/provider/aws/aws-credentials.js'
import { delayBeforeRetryMs } from '../src/provider/aws/aws-retry.js'
import { signAwsCall, signRequest } from '../src/provider/aws/aws-signer.js'
import { signatureVectors, vectorCredential, vectorScope } from './fixtures/sigv4-vectors.js'
import { signOfficially } from './support/official-signer.js'

const loaded = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'canary-of-a-key',
  sessionToken: 'canary-of-a-token'
}
const never = () => Promise.reject(new Error('not asked for'))

t.test('requests of the public test suite get the signatures that it states', async (t) => {
  for (const { name, method, target, headers, body, sessionToken, signature } of signatureVectors) {
    const identity = { ...vectorCredential, sessionToken: sessionToken ?? null }
    const request = { method, path: target, headers, body: body === undefined ? null : Buffer.from(body) }
    const signed = signRequest({ ...request, ...vectorScope, identity })
    t.equal(signed.authorization?.split('Signature=')[1], signature, name)
    t.equal(signed['x-amz-security-token'], sessionToken)
  }
})

t.test('any call is signed exactly as the official signer signs it, token and scope included', async (t) => {
  const word = fc.stringMatching(/^[A-Za-z0-9+/=]{1,60}$/)
  const property = fc.asyncProperty(
    fc.record({
      accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,20}$/),
      secretAccessKey: fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }),
      sessionToken: fc.option(word, { nil: null })
    }),
    fc.constantFrom('us-east-1', 'cn-north-1', 'us-gov-west-1', 'eu-central-2'),
    fc.constantFrom('CreateSecret', 'PutSecretValue', 'GetSecretValue', 'ListSecrets'),
    fc.json(),
    fc.date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true }),
    fc.constantFrom('secretsmanager.us-east-1.amazonaws.com', '127.0.0.1:4566', '[::1]:80'),
    async (identity, region, operation, body, date, host) => {
      const origin = new URL(`http://${host}`)
      const nowMs = date.getTime()
      const ours = signAwsCall({ origin, region, operation, body: Buffer.from(body), identity, nowMs })
      const { accessKeyId, secretAccessKey, sessionToken } = identity
      const credential = { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? undefined }
      const headers = {
        host: origin.host,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `secretsmanager.${operation}`
      }
      const theirs = await signOfficially(
        { method: 'POST', path: '/', headers, body },
        { credential, region, service: 'secretsmanager', nowMs }
      )
      t.same(ours, theirs)
      t.match(ours.authorization, `/${region}/secretsmanager/aws4_request`)
      t.equal(ours['x-amz-security-token'] === undefined, sessionToken === null)
    }
  )
  await fc.assert(property, { numRuns: 200 })
})

t.test('a signature takes nothing from the environment', async (t) => {
  process.env.AWS_SESSION_TOKEN = 'from-the-environment'
  process.env.AWS_ACCESS_KEY_ID = 'FROMTHEENVIRONMENT'
  t.teardown(() => {
    delete process.env.AWS_SESSION_TOKEN
    delete process.env.AWS_ACCESS_KEY_ID
  })
  const { method, headers } = { method: 'GET', headers: { host: 'example.amazonaws.com' } } as const
  const identity = { ...vectorCredential, sessionToken: null }
  const signed = signRequest({ method, path: '/', headers, body: null, ...vectorScope, identity })
  t.equal(signed['x-amz-security-token'], undefined)
  t.match(signed.authorization, 'AKIDEXAMPLE')
})

t.test('ten calls at once fetch credentials once, and again a minute before they end', async (t) => {
  let [nowMs, loads] = [0, 0]
  const expiration = () => new Date(nowMs + 3_600_000)
  const load = async () => ({ ...loaded, secretAccessKey: `${++loads}`, expiration: expiration() })
  const source = createCredentialSource({ load, nowMs: () => nowMs })
  t.equal(source.source, null)
  const get = () => source.get(1_000)
  const first = await Promise.all(Array.from({ length: 10 }, get))
  t.equal(new Set(first).size, 1)
  nowMs = 3_600_000 - 60_001
  t.equal((await get()).secretAccessKey.reveal(), '1')
  nowMs += 1
  const renewed = await get()
  t.equal(renewed.secretAccessKey.reveal(), '2')
  const [old] = first
  if (old !== undefined) source.drop(old)
  t.equal(await get(), renewed, 'one that was renewed already is not dropped for its predecessor')
  source.drop(renewed)
  t.equal((await get()).secretAccessKey.reveal(), '3')
})

t.test('a source that fails or hangs fails its callers in time, and is asked again', async (t) => {
  const answers = [never, () => new Promise<never>(() => {})]
  for (const answer of answers) {
    let asked = 0
    const load = () => (asked++ === 0 ? answer() : Promise.resolve(loaded))
    const source = createCredentialSource({ load, nowMs: Date.now })
    await t.rejects(source.get(30))
    if (answer === never) t.equal((await source.get(30)).source, 'instance')
  }
})

t.test(
  'a source that hung is asked anew after half a minute, and what it brings then is dropped',
  async (t) => {
    let nowMs = 0
    let answerLate: (late: typeof loaded) => void = () => {}
    const answers = [new Promise<typeof loaded>((resolve) => (answerLate = resolve)), Promise.resolve(loaded)]
    const source = createCredentialSource({ load: () => answers.shift() ?? never(), nowMs: () => nowMs })
    await t.rejects(source.get(10))
    nowMs = 29_999
    await t.rejects(source.get(10), 'it is waited for')
    nowMs = 30_000
    const fresh = await source.get(1_000)
    answerLate({ ...loaded, accessKeyId: 'late' })
    await new Promise(setImmediate)
    t.equal(await source.get(10), fresh)
  }
)

t.test('credentials that still hold are used while new ones cannot be had', async (t) => {
  let nowMs = 0
  const answers = [Promise.resolve({ ...loaded, expiration: new Date(100_000) })]
  const source = createCredentialSource({ load: () => answers.shift() ?? never(), nowMs: () => nowMs })
  const first = await source.get(10)
  nowMs = 99_999
  t.equal(await source.get(10), first)
  nowMs = 100_000
  await t.rejects(source.get(10))
})

t.test('credentials are named by where they came from, and print nothing secret', async (t) => {
  const sources = {
    environment: { CREDENTIALS_ENV_VARS: 'g' },
    profile: { CREDENTIALS_PROFILE: 'n' },
    sso: { CREDENTIALS_PROFILE_SSO: 'r' },
    web_identity: { CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN: 'h', CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: 'k' },
    assumed_role: { CREDENTIALS_PROFILE: 'n', CREDENTIALS_PROFILE_SOURCE_PROFILE: 'o' },
    container: { CREDENTIALS_HTTP: 'z' },
    instance: undefined
  }
  for (const [name, $source] of Object.entries(sources)) {
    const source = createCredentialSource({ load: async () => ({ ...loaded, $source }), nowMs: Date.now })
    const credentials = await source.get(1_000)
    t.equal(credentials.source, name)
    t.equal(source.source, name)
    t.notMatch(`${inspect(credentials, { depth: 9 })}${JSON.stringify(credentials)}`, 'canary')
  }
  const set = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'canary' }
  Object.assign(process.env, set)
  t.teardown(() => {
    for (const name of Object.keys(set)) delete process.env[name]
  })
  const chain = createCredentialSource({ load: createCredentialChain(), nowMs: Date.now })
  const found = await chain.get(5_000)
  t.match(found, { accessKeyId: 'AKIDEXAMPLE', sessionToken: null, expiresAtMs: null, source: 'environment' })
})

t.test(
  'each wait before a retry is longer than the one before it, by chance but never by much',
  async (t) => {
    const chance = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
    fc.assert(
      fc.property(chance, chance, fc.integer({ min: 0, max: 5 }), (a, b, retry) => {
        const [delay, next] = [delayBeforeRetryMs(retry, () => a), delayBeforeRetryMs(retry + 1, () => b)]
        return delay >= 50 * 2 ** retry && delay <= 100 * 2 ** retry && next >= delay
      })
    )
    t.pass()
  }
)
