import {
  createAgent,
  createCompany,
  createSecret,
  openRun,
  resolveRunEnvironment
} from '@paperclip/contracts'
import type pg from 'pg'
import type { Api } from './e2e-api.js'
import type { Installation } from './e2e-installation.js'
import { type Canaries, makeCanary } from './e2e-leaks.js'

/** What the parts of the scenario share. */
export interface World {
  readonly installation: Installation
  readonly api: Api
  /** Superuser session: to look where no route leads, and to let a lease pass without waiting. */
  readonly admin: pg.Client
  readonly canaries: Canaries
}

/** A company with an agent to whom one secret is bound as `KEY`. */
export interface Setting {
  readonly companyId: string
  readonly agentId: string
  readonly secretId: string
  readonly secretKey: string
  readonly value: string
}

/** Makes a company of its own for one part of the scenario. */
export async function newSetting({ api, canaries }: World, name: string): Promise<Setting> {
  const { id: companyId } = await api.ok(createCompany, { body: { name } })
  const params = { companyId }
  const value = makeCanary(canaries, `the secret of ${name}`)
  const secret = await api.ok(createSecret, { params, body: { name: 'Key', value } })
  const env = { KEY: `$secret:${secret.key}` }
  const agent = await api.ok(createAgent, { params, body: { name: 'agent', env } })
  return { companyId, agentId: agent.id, secretId: secret.id, secretKey: secret.key, value }
}

/** Opens a run as the operator, or as the holder of a token. */
export async function open(
  { api, canaries }: World,
  { companyId, agentId }: Pick<Setting, 'companyId' | 'agentId'>,
  { token, leaseSeconds }: { token?: string; leaseSeconds?: number } = {}
) {
  const body = leaseSeconds === undefined ? {} : { leaseSeconds }
  const options = token === undefined ? {} : { token }
  const opened = await api.ok(openRun, { params: { companyId, agentId }, body }, options)
  canaries.set(`the token of run ${opened.run.id}`, opened.token)
  return opened
}

/** Resolves by a run's token, and returns one variable. */
export async function resolveOne({ api }: World, token: string, name: string): Promise<string | undefined> {
  return (await api.ok(resolveRunEnvironment, {}, { token })).env[name]
}
