import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { inspect } from 'node:util'
import {
  createInternalTransport,
  createTlsHolder,
  KeyFileError,
  loadTlsIdentity,
  serviceActor,
  TransportError
} from '@paperclip/client'
import { createServer as createChassis, createLogger } from '@paperclip/server'
import { createSigningKey } from '@paperclip/signing'
import { type TestCertificate, testAuthority } from '@paperclip/testing'
import t from 'tap'
import { Type } from 'typebox'

const authority = await testAuthority(t)
const [own, peer] = [await authority.issue(), await authority.issue()]
const load = (files: TestCertificate) => loadTlsIdentity(files, { nowMs: Date.now() })
const identity = load(own)
const key = createSigningKey({ id: 'gateway-1', secret: randomBytes(32) })
const actor = serviceActor({ caller: 'gateway', keyId: key.id, requestId: 'r-1' })
const post = { method: 'POST', path: '/internal/x', body: '{"value":"canary"}', actor, deadlineMs: 5_000 }
const get = { method: 'GET', path: '/internal/x', actor, deadlineMs: 5_000 }

function open(t: { teardown(act: () => unknown): void }, origin: string, tls = { current: () => identity }) {
  const transport = createInternalTransport({ origin, key: { current: () => key }, tls })
  t.teardown(() => transport.close())
  return transport
}

/** A server that must not be believed; counts what reaches a handler. */
async function impostor(t: { teardown(act: () => unknown): void }, options: ServerOptions | null) {
  let reached = 0
  const handle = () => {
    reached++
  }
  const server: Server = options === null ? createPlainServer(handle) : createServer(options, handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return { port: (server.address() as AddressInfo).port, reached: () => reached }
}

/** The chassis under mutual TLS, with one route. */
async function secure(t: { teardown(act: () => unknown): void }, files: TestCertificate) {
  const app = await createChassis({
    logger: createLogger({ service: 'test', level: 'silent' }),
    headerBytesMax: 32_768,
    trustProxy: false,
    classify: () => undefined,
    tls: load(files).serverOptions()
  })
  const route = { config: { auth: { actors: ['anon'] } } } as const
  app.get('/internal/x', route, async () => ({ ok: true }))
  const schema = { body: Type.Object({ value: Type.String() }) }
  app.post('/internal/x', { ...route, schema }, async (request) => ({ ok: true, host: request.headers.host }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { app, port: (app.server.address() as AddressInfo).port }
}

t.test('a signed request passes mutual TLS by name and by address', async (t) => {
  const { port } = await secure(t, peer)
  for (const host of ['localhost', '127.0.0.1']) {
    const reply = await open(t, `https://${host}:${port}`).send(post)
    t.same(
      JSON.parse(reply.body.toString()),
      { ok: true, host: `${host}:${port}` },
      'Host is what was signed'
    )
  }
})

t.test('a server that is not ours hears nothing, whatever the environment allows', async (t) => {
  const stranger = load(await (await testAuthority(t)).issue())
  const elsewhere = load(await authority.issue({ names: ['DNS:other', 'IP:10.0.0.1'] }))
  const clientOnly = load(await authority.issue({ usages: ['clientAuth'] }))
  const expired = await authority.issue({ days: -1 })
  const cases: [string, ServerOptions | null, RegExp][] = [
    ['one of another authority', stranger.serverOptions(), /SELF_SIGNED|UNABLE_TO/],
    ['one with another name', elsewhere.serverOptions(), /ALTNAME/],
    ['one for clients only', clientOnly.serverOptions(), /INVALID_PURPOSE/],
    ['an expired one', { ...load(peer).serverOptions(), cert: await readFile(expired.certFile), key: await readFile(expired.keyFile) }, /EXPIRED/],
    ['TLS 1.2', { ...load(peer).serverOptions(), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, /PROTOCOL/],
    ['plain http', null, /SSL|RESET/]
  ] // biome-ignore format: one case a line
  const allowed = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.teardown(() => {
    if (allowed === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = allowed
  })
  for (const [what, options, reason] of cases) {
    const { port, reached } = await impostor(t, options)
    for (const host of ['localhost', '127.0.0.1']) {
      const transport = open(t, `https://${host}:${port}`)
      for (const request of [post, get]) {
        const error: unknown = await transport.send(request).catch((caught: unknown) => caught)
        t.ok(error instanceof TransportError, what)
        t.match(error, { code: 'connect_failed', reason }, `${what}: nothing was sent`)
      }
    }
    t.equal(reached(), 0, what)
  }
})

t.test('a hop is under mutual TLS or it is plain, never half', (t) => {
  const make = (origin: string, tls: { current: () => typeof identity } | null) =>
    createInternalTransport({ origin, key: { current: () => key }, tls })
  const refusal = { name: 'TypeError', message: /exactly when mutual TLS is used/ }
  t.throws(() => make('https://localhost:1', null), refusal)
  t.throws(() => make('http://localhost:1', { current: () => identity }), refusal)
  t.end()
})

t.test('a server that does not know our authority answers nothing and runs no handler', async (t) => {
  const foreign = await (await testAuthority(t)).issue()
  const { app, port } = await secure(t, { ...peer, caFile: foreign.caFile })
  let requests = 0
  app.server.on('request', () => requests++)
  const transport = open(t, `https://localhost:${port}`)
  // TLS 1.3 judges the client after the client has sent: a lost connection is all it learns.
  for (const request of [post, get]) await t.rejects(transport.send(request), { code: 'reset' })
  t.equal(requests, 0)
})

t.test('certificates are renewed under load without a failed request', async (t) => {
  const folder = t.testdir()
  const files = { certFile: `${folder}/a.crt`, keyFile: `${folder}/a.key`, caFile: authority.caFile }
  const use = async (from: TestCertificate) => {
    await copyFile(from.certFile, files.certFile)
    await copyFile(from.keyFile, files.keyFile)
  }
  await use(own)
  const reports: string[] = []
  const holder = createTlsHolder(files, {
    nowMs: Date.now,
    onReload: (report) => void reports.push(report.outcome === 'kept' ? report.error.message : report.outcome)
  })
  const { app, port } = await secure(t, peer)
  const transport = open(t, `https://localhost:${port}`, holder)
  const shown = new Set<string>()
  app.server.on('secureConnection', (socket) => shown.add(socket.getPeerCertificate().fingerprint256))
  let going = true
  let answered = 0
  const senders = Array.from({ length: 16 }, async () => {
    while (going) {
      t.equal((await transport.send(post)).status, 200)
      answered++
    }
  })
  const more = async () => {
    const until = answered + 100
    while (answered < until) await new Promise((resolve) => setImmediate(resolve))
  }
  await more()
  t.equal(shown.size, 1)
  await use(await authority.issue())
  t.equal(holder.reload(), true)
  await more()
  t.equal(shown.size, 2, 'the new one was shown')
  await writeFile(files.keyFile, 'canary-of-a-broken-file')
  const before = holder.current()
  t.equal(holder.reload(), false)
  t.equal(holder.current(), before)
  app.handshakes?.renew(load(await authority.issue()).serverOptions())
  await more()
  going = false
  await Promise.all(senders)
  t.match(reports, ['reloaded', /a\.key: the file does not hold a private key in PEM form/])
  t.notMatch(reports.join(), 'canary')
})

t.test('files that cannot serve are refused by name and rule, and never shown', async (t) => {
  const other = await authority.issue()
  const expired = await authority.issue({ days: -1 })
  const text = `${t.testdir({ text: 'canary', empty: '', cert: '-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----' })}`
  const cases: [TestCertificate, RegExp][] = [
    [{ ...own, certFile: '/nonexistent' }, /^\/nonexistent: the file cannot be read \(ENOENT\)$/],
    [{ ...own, certFile: `${text}/text` }, /text: the file does not hold certificates in PEM form$/],
    [{ ...own, certFile: own.keyFile }, /does not hold certificates/],
    [{ ...own, caFile: `${text}/empty` }, /empty: the file does not hold certificates/],
    [{ ...own, caFile: `${text}/cert` }, /cert: the file does not hold certificates/],
    [{ ...own, keyFile: `${text}/text` }, /text: the file does not hold a private key in PEM form without a passphrase$/],
    [{ ...own, keyFile: other.keyFile }, /the key is not that of the certificate in /],
    [expired, /the certificate has expired$/]
  ] // biome-ignore format: one case a line
  for (const [files, message] of cases)
    t.throws(() => load(files), { name: 'KeyFileError', message }, String(message))
  t.throws(() => loadTlsIdentity(own, { nowMs: Date.now() - 48 * 3_600_000 }), { message: /not valid yet$/ })
  t.throws(() => loadTlsIdentity(own, { nowMs: identity.notAfterMs }), KeyFileError)
  t.notMatch(inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity), /BEGIN|KEY/)
})
