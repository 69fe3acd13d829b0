import { byteaArray, mustDestroyClient } from '@paperclip/db'
import type { Pool } from 'pg'

/** A key as it stands at the moment of asking, with what it depends on. */
export interface AgentKeyState {
  keyId: string
  keyHash: Buffer
  companyId: string
  agentId: string
  revoked: boolean
  expired: boolean
  agentStatus: 'active' | 'paused' | 'terminated'
  companyStatus: 'active' | 'archived'
  /** `last_used_at` is null or a minute old. */
  touchDue: boolean
}

const lookUp = {
  name: 'look_up_agent_keys',
  text: `
    select q.n::int as n, k.id as "keyId", k.key_hash as "keyHash",
      k.company_id as "companyId", k.agent_id as "agentId",
      k.revoked_at is not null as revoked,
      coalesce(k.expires_at <= now(), false) as expired,
      a.status as "agentStatus", c.status as "companyStatus",
      (k.last_used_at is null or k.last_used_at < now() - interval '60 seconds') as "touchDue"
    from unnest($1::bytea[]) with ordinality as q(hash, n)
    join agent_api_keys k on k.key_hash = q.hash
    join agents a on a.id = k.agent_id and a.company_id = k.company_id
    join companies c on c.id = k.company_id`
}

/** Reads the state of keys by their hashes, in one statement; unknown ones are undefined. Index: `key_hash`. */
export async function findAgentKeyStates(
  pool: Pool,
  hashes: readonly Buffer[]
): Promise<(AgentKeyState | undefined)[]> {
  const rows = await queryNamed<AgentKeyState & { n: number }>(pool, lookUp, [byteaArray(hashes)])
  const found = new Array<AgentKeyState | undefined>(hashes.length)
  for (const row of rows) found[row.n - 1] = row
  return found
}

/** Runs a named, prepared statement on a pool, and closes the connection that broke under it. */
export async function queryNamed<R extends object>(
  pool: Pool,
  statement: { name: string; text: string },
  values: unknown[]
): Promise<R[]> {
  const client = await pool.connect()
  try {
    const { rows } = await client.query<R>({ ...statement, values })
    client.release()
    return rows
  } catch (error) {
    client.release(mustDestroyClient(error))
    throw error
  }
}
