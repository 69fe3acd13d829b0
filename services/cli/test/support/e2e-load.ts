import { setTimeout as pause } from 'node:timers/promises'
import {
  createAgent,
  createSecret,
  openRun,
  type ResolvedEnvironment,
  type Route,
  resolveRunEnvironment,
  rotateSecret
} from '@paperclip/contracts'
import type { Api, Outcome } from './e2e-api.js'

/** Everything the clients were told, to be held against the database afterwards. */
export interface Ledger {
  /** `secret id version` of every acknowledged write, with the value that was sent. */
  readonly writes: Map<string, string>
  /** `run id secret id version` of every value that was handed out, with how often. */
  readonly reveals: Map<string, number>
  /** Faulty replies by `operation status code`; a reply that never came has neither. */
  readonly failures: Map<string, number>
  /** What must never happen, in words. */
  readonly violations: string[]
  acknowledged: number
}

export interface LoadOptions {
  readonly clients: number
  /** Secrets that are rotated and resolved; more come by creating. */
  readonly secrets: number
}

/** Clients at work. */
export interface Load {
  readonly ledger: Ledger
  /** Resolves once so many more operations were acknowledged. */
  progress(operations: number): Promise<void>
  stop(): Promise<Ledger>
}

interface Client {
  readonly runId: string
  readonly token: string
}

interface Target {
  readonly id: string
  readonly name: string
  /** The newest version whose writing was acknowledged. */
  acknowledged: number
}

const resolvePart = 0.7
const rotatePart = 0.2
/** A client that was refused does not ask again at once: nobody's does, and the processor is needed elsewhere. */
const retryMs = 100

/** Makes a company with an agent per client, and sets 70 % resolves, 20 % rotations, 10 % creations going. */
export async function startLoad(
  api: Api,
  { companyId, clients: clientCount, secrets }: LoadOptions & { companyId: string }
): Promise<Load> {
  const ledger: Ledger = {
    writes: new Map(),
    reveals: new Map(),
    failures: new Map(),
    violations: [],
    acknowledged: 0
  }
  const params = { companyId }
  const targets: Target[] = []
  for (let index = 0; index < secrets; index++) {
    const name = `target-${index}`
    const value = `${name} first`
    const { id } = await api.ok(createSecret, { params, body: { name, value } })
    ledger.writes.set(`${id} 1`, value)
    targets.push({ id, name, acknowledged: 1 })
  }
  const clients = await Promise.all(
    Array.from({ length: clientCount }, async (_, index): Promise<Client> => {
      const bound = [targets[index % secrets], targets[(index + 1) % secrets]]
      const env = Object.fromEntries(bound.map((target, n) => [`KEY_${n}`, `$secret:${target?.name}`]))
      const body = { name: `client-${index}`, env }
      const agent = await api.ok(createAgent, { params, body })
      const opened = await api.ok(openRun, { params: { companyId, agentId: agent.id }, body: {} })
      return { runId: opened.run.id, token: opened.token }
    })
  )
  const context: Context = { api, companyId, ledger, targets, count: 0 }
  let stopped = false
  const working = clients.map(async (client) => {
    while (!stopped) if (!(await operate(context, client))) await pause(retryMs)
  })
  const progress = async (operations: number) => {
    const wanted = ledger.acknowledged + operations
    while (ledger.acknowledged < wanted && !stopped) await pause(retryMs)
  }
  return {
    ledger,
    progress,
    async stop() {
      stopped = true
      await Promise.all(working)
      return ledger
    }
  }
}

interface Context {
  readonly api: Api
  readonly companyId: string
  readonly ledger: Ledger
  readonly targets: readonly Target[]
  count: number
}

/** One operation of one client; false when it was not acknowledged. */
async function operate(context: Context, client: Client): Promise<boolean> {
  const dice = Math.random()
  if (dice < resolvePart) return resolve(context, client)
  return dice < resolvePart + rotatePart ? rotate(context) : create(context)
}

async function resolve(context: Context, { token, runId }: Client): Promise<boolean> {
  const { api, ledger, targets } = context
  const before = new Map(targets.map(({ id, acknowledged }) => [id, acknowledged]))
  const outcome = await attempt(context, resolveRunEnvironment, () =>
    api.send(resolveRunEnvironment, {}, { token })
  )
  if (outcome === undefined) return false
  const { env, manifest } = outcome.body as ResolvedEnvironment
  if (manifest.length !== 2) ledger.violations.push(`a resolve gave ${manifest.length} values`)
  for (const { secretId, secretKey, version, envKey } of manifest) {
    const reveal = `${runId} ${secretId} ${version}`
    ledger.reveals.set(reveal, (ledger.reveals.get(reveal) ?? 0) + 1)
    const least = before.get(secretId) ?? 1
    if (version < least) ledger.violations.push(`version ${version} after ${least} was acknowledged`)
    if (!env[envKey]?.startsWith(`${secretKey} `)) ledger.violations.push('a value of another secret')
  }
  return true
}

async function rotate(context: Context): Promise<boolean> {
  const { api, ledger, targets } = context
  const target = targets[Math.floor(Math.random() * targets.length)] as Target
  const value = `${target.name} ${context.count++}`
  const outcome = await attempt(context, rotateSecret, () =>
    api.send(rotateSecret, { params: { id: target.id }, body: { value } })
  )
  if (outcome === undefined) return false
  const { latestVersion } = outcome.body
  const write = `${target.id} ${latestVersion}`
  if (ledger.writes.has(write)) ledger.violations.push('a version number was given twice')
  ledger.writes.set(write, value)
  target.acknowledged = Math.max(target.acknowledged, latestVersion)
  return true
}

async function create(context: Context): Promise<boolean> {
  const { api, companyId, ledger } = context
  const name = `created-${context.count++}`
  const value = `${name} first`
  const outcome = await attempt(context, createSecret, () =>
    api.send(createSecret, { params: { companyId }, body: { name, value } })
  )
  if (outcome === undefined) return false
  ledger.writes.set(`${outcome.body.id} 1`, value)
  return true
}

/** Gives a success, and notes everything else: a refusal must be a 503 that says why. */
async function attempt<R extends Route>(
  { ledger }: Context,
  route: R,
  send: () => Promise<Outcome<R>>
): Promise<Outcome<R> | undefined> {
  const { operationId } = route.config
  const outcome = await send().catch((error: Error) => {
    // A killed gateway cuts connections; one that never answers has hung.
    if (error.name === 'TimeoutError') ledger.violations.push(`${operationId} had no answer`)
    return undefined
  })
  if (outcome !== undefined && outcome.status < 300) {
    ledger.acknowledged += 1
    return outcome
  }
  const { status, code } = outcome ?? { status: 0, code: '' }
  const failure = `${operationId} ${status} ${code}`.trim()
  ledger.failures.set(failure, (ledger.failures.get(failure) ?? 0) + 1)
  if (outcome !== undefined && (status !== 503 || code === '')) ledger.violations.push(failure)
  return undefined
}
