import type { GatewayClient } from '@paperclip/client'
import {
  type AgentKeyView,
  type AgentView,
  type CompanyView,
  listAgentKeys,
  listAgents
} from '@paperclip/contracts'
import { allRows, wholePages } from '../output/list-rows.js'
import type { PlannedKey } from './rotation-ledger.js'

/** Whose keys are meant: all agents of these companies, or one of them. */
export interface RotationScope {
  readonly companies: readonly CompanyView[]
  readonly agentId: string | null
}

/** Lists every key that is not revoked, those that have run out too: who can write to the database can prolong them. */
export async function findKeys(
  client: GatewayClient,
  { companies, agentId }: RotationScope
): Promise<PlannedKey[]> {
  const found: PlannedKey[] = []
  for (const { id: companyId, name: company } of companies)
    for (const agent of await agentsOf(client, companyId)) {
      if (agentId !== null && agent.id !== agentId) continue
      for (const { id: keyId, name, lastUsedAt, expiresAt } of await openKeysOf(client, agent.id))
        found.push({
          companyId,
          company,
          agentId: agent.id,
          agent: agent.name,
          keyId,
          name,
          lastUsedAt,
          expiresAt
        })
    }
  return found
}

/** The keys of an agent that are not revoked. */
export async function openKeysOf(client: GatewayClient, agentId: string): Promise<AgentKeyView[]> {
  const keys = await allRows(client.pages(listAgentKeys, { params: { id: agentId }, query: wholePages }))
  return keys.filter(({ revokedAt }) => revokedAt === null)
}

async function agentsOf(client: GatewayClient, companyId: string): Promise<AgentView[]> {
  const agents = await allRows(client.pages(listAgents, { params: { companyId }, query: wholePages }))
  // The end of an agent has revoked its keys, and it gets no others.
  return agents.filter(({ status }) => status !== 'terminated').reverse()
}
