import { type AgentKeyView, type CreateAgentKey, type CreatedAgentKey, newId } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Static } from 'typebox'
import { findAgent, holdAgentStatus } from '../agent/agent-store.js'
import type { Actor } from '../auth/actor.js'
import { agentKeyPrefix } from '../auth/authenticate.js'
import { requireRow } from '../auth/authorize.js'
import type { GatewayDatabase } from '../database.js'
import { readExpiry } from '../expiry.js'
import { newOpaqueToken } from '../opaque-token.js'
import { activityOf } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { cleanName } from '../text.js'
import { hasAgentKey, insertAgentKey, listAgentKeyRows, revokeAgentKeys } from './agent-key-store.js'

/** Rules of agent keys. */
export interface AgentKeyService {
  list(actor: Actor, agentId: string, page: PageRequest): Promise<Static<typeof AgentKeyView>[]>
  /** The token is in this reply and nowhere else. */
  create(actor: Actor, agentId: string, input: CreateAgentKey): Promise<CreatedAgentKey>
  /** Revoking what is revoked changes nothing and succeeds. */
  revoke(actor: Actor, id: { agentId: string; keyId: string }): Promise<void>
}

/** Makes the service. */
export function createAgentKeyService(db: Db<GatewayDatabase>, mutate: Mutate): AgentKeyService {
  return {
    async list(actor, agentId, page) {
      requireRow(actor, await findAgent(db, agentId), 'operator')
      return await listAgentKeyRows(db, agentId, page)
    },
    async create(actor, agentId, input) {
      const { companyId } = requireRow(actor, await findAgent(db, agentId), 'operator')
      const name = cleanName(input.name, '/name')
      const expiresAt = readExpiry(input.expiresAt ?? null)
      const { token, hash: keyHash } = newOpaqueToken(agentKeyPrefix)
      const key = await mutate(async (tx) => {
        const status = await holdAgentStatus(tx, { companyId, agentId })
        if (status === undefined) throw new AppError('not_found')
        if (status === 'terminated')
          throw new AppError('agent_inactive', { detail: 'The agent is terminated for good.' })
        const made = await insertAgentKey(tx, { id: newId(), companyId, agentId, name, keyHash, expiresAt })
        await insertOutbox(tx, [keyActivity(actor, 'agent_key.created', { companyId, agentId, key: made })])
        return made
      })
      return { id: key.id, name, token, createdAt: key.createdAt, expiresAt: key.expiresAt }
    },
    async revoke(actor, { agentId, keyId }) {
      const { companyId } = requireRow(actor, await findAgent(db, agentId), 'operator')
      await mutate(async (tx) => {
        const [key] = await revokeAgentKeys(tx, { agentId, keyId })
        if (key !== undefined)
          await insertOutbox(tx, [keyActivity(actor, 'agent_key.revoked', { companyId, agentId, key })])
        else if (!(await hasAgentKey(tx, { agentId, keyId }))) throw new AppError('not_found')
      })
    }
  }
}

function keyActivity(
  actor: Actor,
  action: 'agent_key.created' | 'agent_key.revoked',
  { companyId, agentId, key }: { companyId: string; agentId: string; key: { id: string; name: string } }
) {
  return activityOf(actor, {
    companyId,
    action,
    entityType: 'agent_key',
    entityId: key.id,
    metadata: { agentId, name: key.name }
  })
}
