import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ActorContext, newId, newResolveId } from '@paperclip/contracts'
import { pino } from '@paperclip/server'
import { createSigningKey, encodeActor, newNonce, type SigningKey, signRequest } from '@paperclip/signing'
import { type TestDatabase, testDatabase } from '@paperclip/testing'
import { buildApp } from '../../src/app.js'
import { type Config, loadConfig } from '../../src/config.js'
import { createDeps, type Deps } from '../../src/deps.js'
import { grants } from '../../src/grants.js'
import { failOnLeaks, watch } from './process-watch.js'
import { rememberedKeks } from './remembered-keks.js'

interface Teardown {
  teardown(close: () => unknown): void
}

/** A reply as a test sees it. */
export interface Answer {
  status: number
  headers: Headers
  text: string
  // The shape is the test's to assert; unknown would make each line a cast.
  body: ReturnType<typeof JSON.parse>
}

const migrations = fileURLToPath(new URL('../../../migrations', import.meta.url))
const secretOf = (caller: string) => Buffer.alloc(32, caller).toString('base64url')
const keySecrets = {
  gateway: secretOf('gateway'),
  runner: secretOf('runner'),
  auditor: secretOf('auditor'),
  walled: secretOf('walled')
}

/** The company that the key `walled` may enter, and no other. */
export const walledCompanyId = '01a20000-0000-7000-8000-000000000001'

export const masterKey = Buffer.alloc(32, 7).fill(9, 16).toString('base64')

/** One migrated database for a test file. */
export function secretsDatabase(t: Teardown): Promise<TestDatabase> {
  return testDatabase(t, { migrations: [{ schema: 'secrets', folder: migrations, grants }] })
}

/** Callers' keys as onboarding writes them. */
function writeKeyFile(folder: string): string {
  const path = join(folder, 'internal-keys.json')
  const key = (caller: keyof typeof keySecrets, scopes: string[], companies: string[] | null = null) => ({
    id: `${caller}-1`,
    caller,
    secret: keySecrets[caller],
    scopes,
    companies,
    notAfter: null
  })
  const keys = [
    key('gateway', ['activity:write']),
    key('runner', ['resolve']),
    key('auditor', ['audit:read']),
    key('walled', ['resolve', 'audit:read'], [walledCompanyId])
  ]
  writeFileSync(path, JSON.stringify({ keys }), { mode: 0o600 })
  return path
}

/** The service in this process, on a real port over a real database, and callers that sign. */
export interface SecretsApp {
  deps: Deps
  config: Config
  origin: string
  server: Server
  logs: () => string
  send(as: Sender, method: string, path: string, body?: unknown): Promise<Answer>
}

/** Who signs, and for whom. */
export interface Sender {
  key: SigningKey
  actor: ActorContext
}

/** The environment of a service over a database, with the callers' keys in a folder of its own. */
export function secretsEnv(t: Teardown, database: Pick<TestDatabase, 'url'>): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'paperclip-secrets-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return {
    DATABASE_URL: database.url('secrets'),
    PAPERCLIP_SECRETS_MASTER_KEY: masterKey,
    PAPERCLIP_INTERNAL_KEYS_FILE: writeKeyFile(folder),
    PAPERCLIP_SECRETS_PORT: '0',
    PAPERCLIP_EMBEDDED_DATABASE: 'true'
  }
}

/** Starts the service over a database; `env` overrides, `outside` stands in for what lies beyond this machine. */
export async function startSecrets(
  t: Teardown,
  database: Pick<TestDatabase, 'url'>,
  env: NodeJS.ProcessEnv = {},
  outside: Parameters<typeof createDeps>[3] = {}
): Promise<SecretsApp> {
  const { config, secrets } = loadConfig({ ...secretsEnv(t, database), ...env })
  const lines: string[] = []
  const write = (line: string) => {
    lines.push(line)
    watch.noteLog(line)
  }
  const logger = pino({ level: 'trace' }, { write })
  const deps = await createDeps(config, secrets, logger, { kekMaking: rememberedKeks, ...outside })
  const app = await buildApp(deps)
  t.teardown(async () => {
    await app.close()
    await watch.noteRows(deps.database.pool)
    await deps.close()
    failOnLeaks()
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    deps,
    config,
    origin,
    server: app.server,
    logs: () => lines.join(''),
    send: (as, method, path, body) => transmit(origin, sign(origin, as, { method, path, body }))
  }
}

/** What goes out: a test may edit it, or send it twice. */
export interface Outgoing {
  method: string
  path: string
  body: Uint8Array | null
  headers: Record<string, string>
}

/** A request before it is signed. A string or bytes go out as they are, anything else as JSON. */
export interface Unsigned {
  method: string
  path: string
  body?: unknown
  contentType?: string
  nowMs?: number
  nonce?: string
}

/** Signs one request, as a service would. */
export function sign(origin: string, { key, actor }: Sender, request: Unsigned): Outgoing {
  const { method, body, contentType = 'application/json', nowMs = Date.now(), nonce = newNonce() } = request
  const [path = '', search] = `/internal${request.path}`.split('?')
  const query = search === undefined ? '' : `?${search}`
  const bytes = bytesOf(body)
  const type = bytes === null ? {} : { contentType }
  const signed = signRequest(
    key,
    {
      method,
      authority: new URL(origin).host,
      path,
      query,
      ...type,
      body: bytes ?? '',
      actor: encodeActor(actor)
    },
    { nowMs, nonce }
  )
  const headers = { ...signed, ...(bytes === null ? {} : { 'content-type': contentType }) }
  return { method, path: path + query, body: bytes, headers }
}

function bytesOf(body: unknown): Uint8Array | null {
  if (body === undefined) return null
  if (body instanceof Uint8Array) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Sends what was signed, once more if need be; `origin` may be another replica's. */
export async function transmit(origin: string, { method, path, body, headers }: Outgoing): Promise<Answer> {
  const reply = await fetch(origin + path, { method, headers, body })
  const text = await reply.text()
  watch.noteExchange({ method, path, sent: body, status: reply.status, text })
  const isJson = reply.headers.get('content-type')?.includes('json') ?? false
  return { status: reply.status, headers: reply.headers, text, body: isJson ? JSON.parse(text) : null }
}

function keyOf(caller: keyof typeof keySecrets): SigningKey {
  return createSigningKey({ id: `${caller}-1`, secret: Buffer.from(keySecrets[caller], 'base64url') })
}

const nobody: ActorContext = {
  v: 1,
  type: 'board',
  userId: null,
  agentId: null,
  companyId: null,
  credential: { kind: 'local_operator', id: null },
  runId: null,
  projectId: null,
  openedBy: null,
  isInstanceAdmin: false,
  memberships: [],
  source: 'test',
  requestId: 'request-of-a-test'
}

/** The same sender with some facts changed. */
export function as(sender: Sender, facts: Partial<ActorContext>): Sender {
  return { ...sender, actor: { ...sender.actor, ...facts } }
}

/** The gateway speaking for the local operator. */
export function operator(): Sender {
  return { key: keyOf('gateway'), actor: { ...nobody, userId: 'local-board', isInstanceAdmin: true } }
}

/** The gateway speaking for a member of one company. */
export function member(companyId: string, role: 'viewer' | 'operator' | 'admin' | 'owner'): Sender {
  const actor = { ...nobody, userId: 'user-1', memberships: [{ companyId, role }] }
  return { key: keyOf('gateway'), actor: { ...actor, credential: { kind: 'session', id: 'session-1' } } }
}

/** The gateway speaking for an agent's run. */
export function run(companyId: string, agentId: string, projectId: string | null = null): Sender {
  const runId = newId()
  const openedBy = {
    actorType: 'user',
    actorId: 'local-board',
    credentialKind: 'local_operator',
    credentialId: null
  } as const
  const credential = { kind: 'run_token', id: runId } as const
  const actor = {
    ...nobody,
    type: 'agent',
    agentId,
    companyId,
    projectId,
    runId,
    openedBy,
    credential
  } as const
  return { key: keyOf('gateway'), actor }
}

/** The gateway speaking for an agent's long-lived key. */
export function agentKey(companyId: string, agentId: string): Sender {
  const credential = { kind: 'agent_key', id: newId() } as const
  return { key: keyOf('gateway'), actor: { ...nobody, type: 'agent', agentId, companyId, credential } }
}

/** An internal service speaking for itself. */
export function service(caller: 'runner' | 'auditor' | 'walled' | 'gateway'): Sender {
  const credential = { kind: 'service_key', id: `${caller}-1` } as const
  return { key: keyOf(caller), actor: { ...nobody, type: 'service', credential, source: caller } }
}

/** A batch item as the gateway makes it. */
export function resolveItem(sender: Sender) {
  const { companyId, agentId, projectId, runId, openedBy } = sender.actor
  return { resolveId: newResolveId(), requestId: 'item', companyId, agentId, projectId, runId, openedBy }
}
