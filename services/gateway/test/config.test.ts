import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { ConfigError } from '@paperclip/server'
import t from 'tap'
import { hostJudge } from '../src/auth/host-guard.js'
import { ownOrigins, requireOwnOrigin } from '../src/auth/origin-guard.js'
import { loadConfig } from '../src/config.js'
import { loadGatewayKey } from '../src/gateway-key.js'
import { parseTrustProxy } from '../src/trust-proxy.js'

const base = { DATABASE_URL: 'postgres://u:p4ssw0rd@localhost/db' }
const tls = {
  PAPERCLIP_INTERNAL_TLS_CERT_FILE: '/c',
  PAPERCLIP_INTERNAL_TLS_KEY_FILE: '/k',
  PAPERCLIP_INTERNAL_TLS_CA_FILE: '/ca'
}
const strong = 'correct-horse-battery-staple-0123456789'

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig({ ...base, ...env })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return [...error.faults]
    throw error
  }
}

t.test('without any setting but the database, the gateway is a local one', (t) => {
  const { config, secrets } = loadConfig({ ...base, HOME: '/home/x' })
  t.match(config, {
    port: 3100,
    host: '127.0.0.1',
    mode: 'local_trusted',
    exposure: 'private',
    trustProxy: false
  })
  t.equal(config.secretsUrl, 'http://127.0.0.1:3200')
  t.match(config.gatewayKeyFile, /\.paperclip\/instances\/default\/secrets\/gateway-key\.json$/)
  t.equal(secrets.agentJwtSecret, null)
  t.notMatch(JSON.stringify({ config, secrets }), /p4ssw0rd/, 'and it can be printed')
  t.end()
})

t.test('each bad setting is refused by its name', (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ DATABASE_URL: ' ' }, /^DATABASE_URL is required$/],
    [{ PAPERCLIP_INTERNAL_TLS_CERT_FILE: '/marker', PAPERCLIP_SECRETS_URL: 'https://secrets:3200' }, /^PAPERCLIP_INTERNAL_TLS_KEY_FILE, PAPERCLIP_INTERNAL_TLS_CA_FILE not set: mutual TLS needs certificate, key and CA$/],
    [{ ...tls, PAPERCLIP_INTERNAL_TLS_CA_FILE: ' ' }, /^PAPERCLIP_INTERNAL_TLS_CA_FILE not set/],
    [{ ...tls, PAPERCLIP_SECRETS_URL: 'http://localhost:3200' }, /^PAPERCLIP_SECRETS_URL is plain http although PAPERCLIP_INTERNAL_TLS_CERT_FILE is set/],
    [{ ...tls, PAPERCLIP_SECRETS_URL: 'http://secrets:3200', PAPERCLIP_INTERNAL_PLAINTEXT: 'private-network' }, /^PAPERCLIP_SECRETS_URL is plain http although/],
    [{ PAPERCLIP_SECRETS_URL: 'https://secrets:3200' }, /^PAPERCLIP_SECRETS_URL is https, which needs PAPERCLIP_INTERNAL_TLS_CERT_FILE/],
    [{ PAPERCLIP_INTERNAL_PLAINTEXT: 'yes' }, /^PAPERCLIP_INTERNAL_PLAINTEXT /],
    [{ PORT: 'http' }, /^PORT /],
    [{ PORT: '65536' }, /^PORT /],
    [{ HOST: '0.0.0.0' }, /^HOST must be a loopback address/],
    [{ HOST: '::' }, /^HOST /],
    [{ HOST: '192.168.0.1' }, /^HOST /],
    [{ HOST: 'example.com' }, /^HOST /],
    [{ PAPERCLIP_DEPLOYMENT_MODE: 'open' }, /^PAPERCLIP_DEPLOYMENT_MODE /],
    [{ PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public' }, /^PAPERCLIP_DEPLOYMENT_EXPOSURE /],
    [{ PAPERCLIP_AGENT_JWT_SECRET: 'short' }, /^PAPERCLIP_AGENT_JWT_SECRET must be at least 32 bytes$/],
    [{ PAPERCLIP_AGENT_JWT_SECRET: strong, BETTER_AUTH_SECRET: strong }, /^PAPERCLIP_AGENT_JWT_SECRET must differ from BETTER_AUTH_SECRET$/],
    [{ PAPERCLIP_AGENT_JWT_SECRET: strong, PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: strong }, /must differ/],
    [{ PAPERCLIP_AGENT_JWT_SECRET: 'secret'.repeat(8) }, /^PAPERCLIP_AGENT_JWT_SECRET must be random/],
    [{ PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: strong }, /without PAPERCLIP_AGENT_JWT_SECRET/],
    [{ PAPERCLIP_PUBLIC_URL: 'https://a.example', PAPERCLIP_AUTH_PUBLIC_BASE_URL: 'https://b.example' }, /two names of one value/],
    [{ PAPERCLIP_PUBLIC_URL: 'https://a.example/path' }, /^PAPERCLIP_PUBLIC_URL /],
    [{ PAPERCLIP_ALLOWED_HOSTNAMES: 'a.example:80' }, /^PAPERCLIP_ALLOWED_HOSTNAMES /],
    [{ PAPERCLIP_ALLOWED_ORIGINS: 'a.example' }, /^PAPERCLIP_ALLOWED_ORIGINS /],
    [{ PAPERCLIP_SECRETS_URL: 'http://10.0.0.5:3200' }, /PAPERCLIP_INTERNAL_PLAINTEXT=private-network/],
    [{ PAPERCLIP_SECRETS_URL: 'ftp://localhost' }, /^PAPERCLIP_SECRETS_URL /],
    [{ PAPERCLIP_INSTANCE_ID: '../x' }, /^PAPERCLIP_INSTANCE_ID /],
    [{ PAPERCLIP_AGENT_JWT_SECRET_FILE: '/nonexistent' }, /^PAPERCLIP_AGENT_JWT_SECRET_FILE cannot be read/],
    [{ REDIS_URL: 'http://h:1' }, /^REDIS_URL must be like redis:\/\/host:port or rediss:\/\/host:port$/],
    [{ REDIS_URL: 'redis:' }, /^REDIS_URL /],
    [{ TRUST_PROXY: 'true' }, /^TRUST_PROXY /]
  ] // biome-ignore format: one case a line
  for (const [env, fault] of cases) {
    const faults = faultsOf(env)
    t.match(faults, [fault], JSON.stringify(env))
    t.equal(faults.length, 1)
  }
  t.end()
})

t.test('all faults are named at once, and no value is repeated', (t) => {
  const faults = faultsOf({
    DATABASE_URL: '',
    PORT: 'marker-1',
    HOST: 'marker-2',
    TRUST_PROXY: 'marker-3',
    PAPERCLIP_AGENT_JWT_SECRET: 'marker-4',
    PAPERCLIP_SECRETS_URL: 'marker-5',
    PAPERCLIP_LOG_LEVEL: 'marker-6'
  })
  for (const name of [
    'DATABASE_URL',
    'PORT',
    'HOST',
    'TRUST_PROXY',
    'PAPERCLIP_AGENT_JWT_SECRET',
    'PAPERCLIP_SECRETS_URL',
    'PAPERCLIP_LOG_LEVEL'
  ])
    t.equal(faults.filter((fault) => fault.startsWith(name)).length, 1, name)
  t.notMatch(faults.join(' '), /marker/)
  t.end()
})

t.test('loopback may be written in each of its ways', (t) => {
  for (const HOST of ['127.0.0.1', '127.0.0.9', 'localhost', '::1']) t.same(faultsOf({ HOST }), [], HOST)
  t.same(
    faultsOf({
      PAPERCLIP_SECRETS_URL: 'http://secrets:3200',
      PAPERCLIP_INTERNAL_PLAINTEXT: 'private-network'
    }),
    []
  )
  t.end()
})

t.test('who may forward is a number of hops or a list of networks, never everybody', (t) => {
  t.equal(parseTrustProxy(''), false)
  t.equal(parseTrustProxy('2'), 2)
  t.same(parseTrustProxy('loopback,10.0.0.0/8, ::1, fd00::/8'), ['loopback', '10.0.0.0/8', '::1', 'fd00::/8'])
  for (const bad of [
    'true',
    '01',
    '0',
    '-1',
    '33',
    '10.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    'a',
    '1.2.3.4/8/8',
    ',',
    '::/129'
  ])
    t.equal(parseTrustProxy(bad), undefined, bad)
  t.end()
})

const other = randomBytes(32).toString('base64url')
const authenticated = {
  PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
  BETTER_AUTH_SECRET: other,
  PAPERCLIP_AGENT_JWT_SECRET: strong
}
const atLarge = {
  ...authenticated,
  PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public',
  PAPERCLIP_PUBLIC_URL: 'https://paperclip.example',
  TRUST_PROXY: '1'
}

t.test(
  'authenticated mode listens everywhere, needs both of its secrets, and finds its address itself',
  (t) => {
    const { config } = loadConfig({ ...base, ...authenticated })
    t.match(config, { host: '0.0.0.0', mode: 'authenticated', exposure: 'private', publicUrl: null })
    t.same(faultsOf({ PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' }), [
      'BETTER_AUTH_SECRET is required in authenticated mode: make one with "openssl rand -base64 32"',
      'PAPERCLIP_AGENT_JWT_SECRET is required in authenticated mode: make one with "openssl rand -base64 32"'
    ])
    t.match(faultsOf({ ...authenticated, BETTER_AUTH_SECRET: strong }), [
      'PAPERCLIP_AGENT_JWT_SECRET must differ from BETTER_AUTH_SECRET'
    ])
    t.end()
  }
)

t.test('public exposure needs an https address of its own, and to know who stands in front', (t) => {
  t.same(faultsOf(atLarge), [])
  const cases: [Record<string, string>, RegExp][] = [
    [{ PAPERCLIP_PUBLIC_URL: '' }, /^PAPERCLIP_PUBLIC_URL is required/],
    [{ PAPERCLIP_PUBLIC_URL: 'http://paperclip.example' }, /^PAPERCLIP_PUBLIC_URL must be https/],
    [{ PAPERCLIP_PUBLIC_URL: 'https://localhost' }, /^PAPERCLIP_PUBLIC_URL must be https and name/],
    [{ PAPERCLIP_ALLOWED_ORIGINS: 'http://board.example' }, /^PAPERCLIP_ALLOWED_ORIGINS must all be https/],
    [{ TRUST_PROXY: '' }, /^TRUST_PROXY is required/]
  ] // biome-ignore format: one case a line
  for (const [env, fault] of cases) {
    const faults = faultsOf({ ...atLarge, ...env })
    t.match(faults, [fault], JSON.stringify(env))
    t.equal(faults.length, 1)
  }
  t.end()
})

t.test('behind a public name, that name and allowed ones are answered to, and addresses', (t) => {
  const allowed = hostJudge({
    mode: 'authenticated',
    publicUrl: 'https://Paperclip.example',
    allowedHostnames: ['Inner.example.']
  })
  for (const host of [
    'paperclip.example',
    'PAPERCLIP.example.:443',
    'inner.example:8080',
    'localhost',
    '10.1.2.3',
    '[fd00::1]:80'
  ])
    t.ok(allowed(host), host)
  for (const host of [
    'evil.example',
    'paperclip.example.evil.example',
    '[::g]',
    '1.2.3',
    '',
    'a b',
    'paperclip.example:99999999'
  ])
    t.notOk(allowed(host), host)
  t.end()
})

t.test(
  'a cookie needs proof of where a request comes from; the local operator need not be a browser',
  (t) => {
    const origins = ownOrigins(
      { publicUrl: 'https://p.example', hostnames: ['x'], allowedOrigins: ['https://app.example'] },
      1
    )
    t.same([...origins], ['https://p.example', 'https://app.example'])
    t.same(
      [...ownOrigins({ publicUrl: null, hostnames: ['h'], allowedOrigins: [] }, 80)],
      ['http://h', 'https://h:80']
    )
    const passes = (caller: 'cookie' | 'local_operator', headers: IncomingHttpHeaders, method = 'POST') => {
      try {
        requireOwnOrigin(method, headers, { origins, caller })
        return true
      } catch (error) {
        t.match(error, { code: 'untrusted_origin' })
        return false
      }
    }
    t.notOk(passes('cookie', {}))
    t.ok(passes('local_operator', {}))
    for (const caller of ['cookie', 'local_operator'] as const) {
      t.ok(passes(caller, { origin: 'https://p.example' }))
      t.ok(passes(caller, { 'sec-fetch-site': 'same-origin' }))
      t.notOk(passes(caller, { origin: 'null' }))
      t.notOk(passes(caller, { origin: 'https://evil.example', referer: 'https://p.example/' }))
      t.ok(passes(caller, { origin: 'https://evil.example' }, 'GET'))
      for (const method of ['PUT', 'PATCH', 'DELETE'])
        t.notOk(passes(caller, { origin: 'https://evil.example' }, method))
    }
    t.end()
  }
)

t.test('a key file that cannot be used, or holds another secret, stops the start', async (t) => {
  const gatewayKeyFile = join(t.testdir(), 'key.json')
  const logger = { info() {}, error() {} } as never
  const load = (secret: string, more: Record<string, string> = {}) => {
    const { config, secrets } = loadConfig({
      ...base,
      ...more,
      PAPERCLIP_GATEWAY_KEY_FILE: gatewayKeyFile,
      PAPERCLIP_AGENT_JWT_SECRET: secret
    })
    return () => loadGatewayKey({ config, secrets, logger })
  }
  t.throws(load(strong), { name: 'ConfigError', message: /PAPERCLIP_GATEWAY_KEY_FILE .*cannot be read/ })
  const secret = randomBytes(32).toString('base64url')
  await writeFile(gatewayKeyFile, JSON.stringify({ id: 'gateway', secret }))
  t.throws(load(secret), { name: 'ConfigError', message: /must differ/ })
  const sessions = load(strong, { ...authenticated, BETTER_AUTH_SECRET: secret })
  t.throws(sessions, { name: 'ConfigError', message: /BETTER_AUTH_SECRET must differ/ })
  t.equal(load(strong)().current().id, 'gateway')
})
