import type { TestDatabase } from '@paperclip/testing'
import pg from 'pg'
import { type Answer, operator, run, type SecretsApp } from './secrets-app.js'

interface Teardown {
  teardown(close: () => unknown): void
}

type Row = Record<string, unknown>

/** Asks the database as superuser (or by another URL), past every rule of the service. */
export type Query = <R extends Row = Row>(text: string, values?: unknown[]) => Promise<R[]>

/** Opens a session of the test's own. */
export async function sqlSession(t: Teardown, url: string): Promise<Query> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=secrets' })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end().catch(() => {}))
  return async <R extends Row>(text: string, values: unknown[] = []) =>
    (await client.query<R>(text, values)).rows
}

/** Opens a session as superuser. */
export function adminSession(t: Teardown, database: TestDatabase): Promise<Query> {
  return sqlSession(t, database.adminUrl)
}

function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text}`)
  return answer
}

/** Stores a secret as the operator and gives its row. */
export async function createSecret(
  app: SecretsApp,
  companyId: string,
  body: object
): Promise<Answer['body']> {
  const answer = await app.send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
  return expectStatus(answer, 201).body
}

/** Adds a version. */
export async function rotate(app: SecretsApp, secretId: string, value: string): Promise<Answer['body']> {
  return expectStatus(await app.send(operator(), 'POST', `/secrets/${secretId}/rotate`, { value }), 200).body
}

/** Which environment: an agent's, or a project's. */
export interface EnvTarget {
  companyId: string
  agentId?: string
  projectId?: string
}

function envPath({ companyId, agentId, projectId }: EnvTarget): string {
  const target = agentId === undefined ? `projects/${projectId}` : `agents/${agentId}`
  return `/companies/${companyId}/${target}/env`
}

/** Replaces an environment and gives the answer, whatever it is. */
export function tryPutEnv(app: SecretsApp, target: EnvTarget, env: unknown): Promise<Answer> {
  return app.send(operator(), 'PUT', envPath(target), { env })
}

/** Replaces an environment. */
export async function putEnv(app: SecretsApp, target: EnvTarget, env: unknown): Promise<Answer['body']> {
  return expectStatus(await tryPutEnv(app, target, env), 200).body
}

/** Shows an environment. */
export async function getEnv(app: SecretsApp, target: EnvTarget): Promise<Answer['body']> {
  return expectStatus(await app.send(operator(), 'GET', envPath(target)), 200).body
}

/** Resolves as a fresh run of an agent. */
export function resolve(
  app: SecretsApp,
  { companyId, agentId, projectId = null }: { companyId: string; agentId: string; projectId?: string | null }
): Promise<Answer> {
  return app.send(run(companyId, agentId, projectId), 'POST', '/agents/me/env')
}

/**
 * Every access event of a company, newest first to the millisecond: ids of directly signed resolves carry the
 * signature's time, which has whole seconds.
 */
export async function eventsOf(app: SecretsApp, companyId: string, query = ''): Promise<Answer['body']> {
  const path = `/companies/${companyId}/secret-access-events${query}`
  const events: Answer['body'][] = expectStatus(await app.send(operator(), 'GET', path), 200).body
  return events.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0))
}

/** One frame of a batch's reply; the body is null while its item is only announced. */
export interface Frame {
  resolveId: string
  status: number
  body: Answer['body']
}

/** Takes the framed reply of a batch apart, in the order of its frames. */
export function parseFrames(text: string): Frame[] {
  const lines = text.split('\n')
  if (lines.length % 2 !== 1 || lines.pop() !== '') throw new Error('not whole frames')
  const frames: Frame[] = []
  for (let line = 0; line < lines.length; line += 2) {
    const [resolveId = '', status, bytes] = (lines[line] ?? '').split(' ')
    const body = lines[line + 1] ?? ''
    if (Buffer.byteLength(body) !== Number(bytes)) throw new Error('not a frame')
    frames.push({ resolveId, status: Number(status), body: body === '' ? null : JSON.parse(body) })
  }
  return frames
}

/** Follows the pages of a list to its end. */
export async function walk(
  app: SecretsApp,
  path: string,
  betweenPages: () => Promise<void> = async () => {}
): Promise<Answer['body'][]> {
  const rows: Answer['body'][] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const page: Answer = expectStatus(await app.send(operator(), 'GET', next), 200)
    rows.push(...page.body)
    const link = page.headers.get('link')
    next = link === null ? undefined : /^<\/api([^>]+)>; rel="next"$/.exec(link)?.[1]
    await betweenPages()
  }
  return rows
}
