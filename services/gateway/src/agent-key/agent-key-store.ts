import type { AgentKeyView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { Static } from 'typebox'
import type { GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

/** Never with the hash: nothing but the look-up needs it. */
const shown = ['id', 'name', 'created_at', 'last_used_at', 'revoked_at', 'expires_at'] as const

type AgentKey = Static<typeof AgentKeyView>

interface ShownRow {
  id: string
  name: string
  created_at: Date
  last_used_at: Date | null
  revoked_at: Date | null
  expires_at: Date | null
}

function toAgentKey(row: ShownRow): AgentKey {
  return {
    id: row.id,
    name: row.name,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    expiresAt: row.expires_at?.toISOString() ?? null
  }
}

/** Lists an agent's keys newest first, one more than a page. Index: `(agent_id, id)`. */
export async function listAgentKeyRows(
  db: Db<GatewayDatabase>,
  agentId: string,
  { rowsMax, before }: PageRequest
): Promise<AgentKey[]> {
  let query = db.selectFrom('agent_api_keys').select(shown).where('agent_id', '=', agentId)
  if (before !== undefined) query = query.where('id', '<', before)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toAgentKey)
}

/** Makes a key. Only its hash is kept. */
export async function insertAgentKey(
  tx: Tx<GatewayDatabase>,
  key: {
    id: string
    companyId: string
    agentId: string
    name: string
    keyHash: Buffer
    expiresAt: Date | null
  }
): Promise<AgentKey> {
  const row = await tx
    .insertInto('agent_api_keys')
    .values({
      id: key.id,
      company_id: key.companyId,
      agent_id: key.agentId,
      name: key.name,
      key_hash: key.keyHash,
      expires_at: key.expiresAt,
      last_used_at: null,
      revoked_at: null
    })
    .returning(shown)
    .executeTakeFirstOrThrow()
  return toAgentKey(row)
}

/** Says whether an agent has a key, revoked or not. */
export async function hasAgentKey(
  db: Db<GatewayDatabase>,
  { agentId, keyId }: { agentId: string; keyId: string }
): Promise<boolean> {
  const row = await db
    .selectFrom('agent_api_keys')
    .select('id')
    .where('agent_id', '=', agentId)
    .where('id', '=', keyId)
    .executeTakeFirst()
  return row !== undefined
}

/** Revokes one key of an agent, or all, and gives those that were not revoked before. */
export async function revokeAgentKeys(
  tx: Tx<GatewayDatabase>,
  { agentId, keyId }: { agentId: string; keyId?: string }
): Promise<{ id: string; name: string }[]> {
  let query = tx
    .updateTable('agent_api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('agent_id', '=', agentId)
    .where('revoked_at', 'is', null)
  if (keyId !== undefined) query = query.where('id', '=', keyId)
  return await query.returning(['id', 'name']).execute()
}
