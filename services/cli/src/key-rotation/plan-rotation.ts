import type { GatewayClient } from '@paperclip/client'
import {
  type AgentKeyView,
  type AgentView,
  type CompanyView,
  limits,
  listAgentKeys,
  listAgents
} from '@paperclip/contracts'
import type { PlannedKey } from './rotation-ledger.js'

const wholePages = { limit: limits.pageRowsMax }

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
  const keys: AgentKeyView[] = []
  for await (const page of client.pages(listAgentKeys, { params: { id: agentId }, query: wholePages }))
    keys.push(...page.filter(({ revokedAt }) => revokedAt === null))
  return keys
}

async function agentsOf(client: GatewayClient, companyId: string): Promise<AgentView[]> {
  const agents: AgentView[] = []
  // The end of an agent has revoked its keys, and it gets no others.
  for await (const page of client.pages(listAgents, { params: { companyId }, query: wholePages }))
    agents.push(...page.filter(({ status }) => status !== 'terminated'))
  return agents.reverse()
}
