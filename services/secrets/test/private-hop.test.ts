import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { Agent, type RequestOptions } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { newId } from '@paperclip/contracts'
import { startProcess, type TestCertificate, testAuthority } from '@paperclip/testing'
import t from 'tap'
import { operator, resolveItem, run, secretsDatabase, secretsEnv, service } from './support/secrets-app.js'
import { call, send, shown } from './support/tls-caller.js'

// Real processes.
t.setTimeout(120_000)

const program = (name: string) => fileURLToPath(new URL(`../bin/${name}.js`, import.meta.url))
const database = await secretsDatabase(t)
const authority = await testAuthority(t)
const gateway = await authority.issue({ usages: ['clientAuth'] })

/** The service as a process, with a copy of its certificate that a test may replace. */
async function startUnderTls(t: { teardown(act: () => unknown): void; testdir(): string }) {
  const issued = await authority.issue()
  const folder = t.testdir()
  const own: TestCertificate = {
    certFile: `${folder}/own.crt`,
    keyFile: `${folder}/own.key`,
    caFile: `${folder}/ca.crt`
  }
  const use = (from: TestCertificate) =>
    Promise.all((['certFile', 'keyFile', 'caFile'] as const).map((file) => copyFile(from[file], own[file])))
  await use(issued)
  const env = {
    ...secretsEnv(t, database),
    PAPERCLIP_INTERNAL_TLS_CERT_FILE: own.certFile,
    PAPERCLIP_INTERNAL_TLS_KEY_FILE: own.keyFile,
    PAPERCLIP_INTERNAL_TLS_CA_FILE: own.caFile
  }
  const running = await startProcess(t, { command: process.execPath, args: [program('main')], env })
  const [, port = ''] = await running.waitForLine(/Server listening at https:\/\/127\.0\.0\.1:(\d+)/, {
    deadlineMs: 30_000
  })
  return { running, port, origin: `https://localhost:${port}`, env, own, use }
}

t.test(
  'a caller without a certificate of ours is refused before any handler, however well it signs',
  async (t) => {
    const { running, port, origin } = await startUnderTls(t)
    const stranger = await (await testAuthority(t)).issue()
    const expired = await authority.issue({ days: -1 })
    const serverOnly = await authority.issue({ usages: ['serverAuth'] })
    const trusted = { ca: await readFile(authority.caFile), agent: false as const }
    const attempts: [string, RequestOptions][] = [
    ['no certificate', trusted],
    ['one of another authority', { ...shown(stranger), ...trusted }],
    ['one that names our authority but is not of it', { ...shown(stranger), ...trusted, cert: [await readFile(stranger.certFile), await readFile(authority.caFile)] as unknown as Buffer }],
    ['an expired one', shown(expired)],
    ['one for servers only', shown(serverOnly)],
    ['TLS 1.2', { ...shown(gateway), maxVersion: 'TLSv1.2' }]
  ] // biome-ignore format: one case a line
    const companyId = newId()
    for (const [what, tls] of attempts) {
      const body = { name: 'never', value: 'v' }
      const path = `/companies/${companyId}/secrets`
      await t.rejects(call(origin, { as: operator(), method: 'POST', path, body, tls }), what)
      await t.rejects(send(`${origin}/readyz`, { method: 'GET', headers: {}, body: null }, tls), what)
    }
    const answer = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(port) })
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
      })
      socket.once('error', () => undefined).once('close', () => resolve(text))
      socket.write(`GET /readyz HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`)
    })
    t.notMatch(answer, /HTTP/, 'plain http gets no answer')
    const good = {
      as: operator(),
      method: 'GET',
      path: `/companies/${companyId}/secrets`,
      tls: shown(gateway)
    }
    t.match(await call(origin, good), { status: 200, text: /"items":\[\]|^\[\]/ }, 'and nothing was written')
    await running.stop()
    const lines = running.stdout().match(/"operationId":"[^"]+"/g)
    t.equal(lines?.length, 1, 'one request reached a handler')
    t.match(running.stdout(), /a caller was refused by TLS/)
  }
)

t.test('under mutual TLS signed requests work as before, resolve batches among them', async (t) => {
  const { origin, running } = await startUnderTls(t)
  const tls = shown(gateway)
  const [companyId, agentId] = [newId(), newId()]
  const made = await call(origin, {
    ...{ as: operator(), method: 'POST', path: `/companies/${companyId}/secrets`, tls },
    body: { name: 'k', value: 'over-tls' }
  })
  t.equal(made.status, 201)
  const env = { K: '$secret:k' }
  const put = { as: operator(), method: 'PUT', path: `/companies/${companyId}/agents/${agentId}/env`, tls }
  t.equal((await call(origin, { ...put, body: { env } })).status, 200)
  const items = [resolveItem(run(companyId, agentId)), resolveItem(run(companyId, agentId))]
  const batch = { as: service('gateway'), method: 'POST', path: '/resolve-batch', body: { items }, tls }
  const { status, text } = await call(origin, batch)
  t.equal(status, 200)
  t.equal(text.match(/"K":"over-tls"/g)?.length, items.length)
  const unsigned = { method: 'GET', headers: {}, body: null }
  t.equal(
    (await send(`${origin}/internal/health`, unsigned, tls)).status,
    401,
    'a certificate is no signature'
  )
  t.equal((await send(`${origin}/readyz`, unsigned, tls)).status, 200)
  t.notMatch(running.stdout(), /over-tls|PRIVATE KEY/)
})

t.test('no session is resumed: each connection shows its certificate', async (t) => {
  const { port } = await startUnderTls(t)
  const options = { ...shown(gateway), host: 'localhost', port: Number(port) }
  const open = (session?: Buffer) =>
    new Promise<{ reused: boolean; session: Buffer | undefined }>((resolve, reject) => {
      let found: Buffer | undefined
      let reused = true
      const socket = connectTls({ ...options, ...(session === undefined ? {} : { session }) }, () => {
        reused = socket.isSessionReused()
        socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
      })
      socket.on('session', (offered) => {
        found = offered
      })
      socket.once('error', reject)
      socket.resume().once('close', () => resolve({ reused, session: found }))
    })
  const first = await open()
  t.equal((await open(first.session)).reused, false)
})

t.test(
  'SIGHUP renews certificate and authority without a failed request, and keeps what works',
  async (t) => {
    const { running, origin, port, own, use } = await startUnderTls(t)
    const next = await testAuthority(t)
    const [nextServer, nextGateway] = [await next.issue(), await next.issue()]
    const both = `${await readFile(authority.caFile, 'utf8')}${await readFile(next.caFile, 'utf8')}`
    const tls = { ...shown(gateway), ca: both }
    const path = `/companies/${newId()}/secrets`
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    t.teardown(() => agent.destroy())
    let going = true
    const statuses = new Set<number>()
    const load = Array.from({ length: 8 }, async () => {
      while (going) {
        const answer = await call(origin, { as: operator(), method: 'GET', path, tls: { ...tls, agent } })
        statuses.add(answer.status)
      }
    })
    const certificateOf = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({ ...tls, host: 'localhost', port: Number(port) }, () => {
          resolve(socket.getPeerCertificate().fingerprint256)
          socket.destroy()
        }).once('error', reject)
      })

    const before = await certificateOf()
    await writeFile(own.keyFile, 'canary-of-a-broken-file')
    running.child.kill('SIGHUP')
    await running.waitForLine(/"level":50.*own\.key: the file does not hold a private key.*were kept/)
    t.equal(await certificateOf(), before)
    t.notMatch(running.stdout(), 'canary-of-a-broken-file')

    const kept = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => kept.destroy())
    const onKept = () => call(origin, { as: operator(), method: 'GET', path, tls: { ...tls, agent: kept } })
    t.match(await onKept(), { status: 200, connection: 'keep-alive' })
    await use(nextServer)
    await writeFile(own.caFile, both)
    running.child.kill('SIGHUP')
    await running.waitForLine(/the certificates of the private hop were read anew/)
    t.not(await certificateOf(), before, 'new connections see the new certificate')
    t.match(await onKept(), { status: 200, connection: 'close' }, 'a former connection is answered once more')
    t.match(await onKept(), { status: 200, connection: 'keep-alive' })
    going = false
    await Promise.all(load)
    t.same([...statuses], [200])

    await writeFile(own.caFile, await readFile(next.caFile))
    running.child.kill('SIGHUP')
    await running.waitForLine(/(read anew[\s\S]*){2}/)
    t.match(await onKept(), { status: 200, connection: 'close' })
    await t.rejects(onKept(), 'the former authority counts no more')
    const renewed = { ...shown(nextGateway), ca: both }
    t.equal((await call(origin, { as: operator(), method: 'GET', path, tls: renewed })).status, 200)
  }
)

t.test(
  "a container's check finds the service ready under TLS and without, and not when it is gone",
  async (t) => {
    const check = async (env: Record<string, string>) => {
      const started = await startProcess(t, {
        command: process.execPath,
        args: [program('health-check')],
        env
      })
      const { code } = await started.ended
      return { code, stderr: started.stderr() }
    }
    const { port, env, running: secure } = await startUnderTls(t)
    const here = { ...env, PAPERCLIP_SECRETS_PORT: port }
    t.same(await check(here), { code: 0, stderr: '' })
    t.same(await check({ ...here, PAPERCLIP_SECRETS_HOST: '0.0.0.0' }), { code: 0, stderr: '' })
    t.match(await check({ ...here, PAPERCLIP_INTERNAL_TLS_KEY_FILE: '' }), {
      code: 1,
      stderr: /KEY_FILE not set/
    })
    await secure.stop()
    t.same(await check(here), { code: 1, stderr: 'ECONNREFUSED\n' })
  }
)
