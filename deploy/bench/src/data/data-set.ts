import { randomBytes } from 'node:crypto'
import { createAgent, createAgentKey, createCompany, createSecret, openRun } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import { withClient } from '../stand/database.js'
import type { Stand } from '../stand/stand.js'
import { type GatewayClients, openGatewayClients } from './gateway-clients.js'
import { inParallel } from './in-parallel.js'

/** An agent with its bindings, and a token of an open run of it. */
export interface BenchAgent {
  readonly companyId: string
  readonly agentId: string
  readonly runToken: string
}

/** Everything the goals are measured on, made through the public API: real sealed values, real runs. */
export interface DataSet {
  /** 5 bindings each. */
  readonly agents: readonly BenchAgent[]
  /** 20 bindings. */
  readonly wideAgent: BenchAgent
  /** Agent keys, one each of some of the agents. */
  readonly agentKeys: readonly string[]
}

/** How long the runs last: longer than the bench. */
export const runSeconds = 7_200

const agentsPerCompany = 20
const bindings = 5
const wideBindings = 20
const agentKeys = 32
/** 64 characters: the length of a common API key. */
const valueBytes = 48
const parallelCalls = 16
const outboxMsMax = 60_000

/** Makes companies of 20 agents until there are enough, and waits until their activity has been delivered. */
export async function createDataSet(stand: Stand, { agents }: { agents: number }): Promise<DataSet> {
  const client = openGatewayClients(stand.gatewayOrigin)
  try {
    const companyIds = await inParallel(
      parallelCalls,
      range(Math.ceil(agents / agentsPerCompany)),
      async (n) => {
        const company = await client.call(createCompany, { body: { name: `Company ${n}` } })
        return company.id
      }
    )
    const owners = range(agents).map((n) => companyIds[n % companyIds.length] ?? '')
    const made = await inParallel(parallelCalls, range(agents), (n) =>
      makeAgent(client, { companyId: owners[n] ?? '', name: `agent-${n}`, bindings })
    )
    const wide = { companyId: companyIds[0] ?? '', name: 'wide-agent', bindings: wideBindings }
    const wideAgent = await makeAgent(client, wide)
    const keys = await inParallel(parallelCalls, made.slice(0, agentKeys), async ({ agentId }) => {
      const key = await client.call(createAgentKey, { params: { id: agentId }, body: { name: 'bench' } })
      return key.token
    })
    await outboxDelivered(stand)
    return { agents: made, wideAgent, agentKeys: keys }
  } finally {
    await client.close()
  }
}

async function makeAgent(
  client: GatewayClients,
  { companyId, name, bindings: count }: { companyId: string; name: string; bindings: number }
): Promise<BenchAgent> {
  const entries = await Promise.all(
    range(count).map(async (n) => {
      const value = randomBytes(valueBytes).toString('base64url')
      const body = { name: `${name} secret ${n}`, value }
      const secret = await client.call(createSecret, { params: { companyId }, body })
      return [`SECRET_${n}`, { type: 'secret_ref' as const, secretId: secret.id }] as const
    })
  )
  const env = Object.fromEntries(entries)
  const agent = await client.call(createAgent, { params: { companyId }, body: { name, env } })
  const params = { companyId, agentId: agent.id }
  const { token } = await client.call(openRun, { params, body: { ttlSeconds: runSeconds } })
  return { companyId, agentId: agent.id, runToken: token }
}

async function outboxDelivered({ database }: Stand): Promise<void> {
  await withClient(database.adminUrl, async (admin) => {
    const probe = async () => {
      const { rows } = await admin.query('select 1 from gateway.outbox limit 1')
      if (rows.length > 0) throw new Error('activity is still waiting to be delivered')
    }
    await eventually(probe, { deadlineMs: outboxMsMax })
    await admin.query('analyze')
    await admin.query('checkpoint')
  })
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
