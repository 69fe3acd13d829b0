import { uuidArray } from '@paperclip/db'
import type { Pool } from 'pg'
import { queryNamed } from './agent-key-lookup-store.js'

const lookUp = {
  name: 'look_up_companies',
  text: `
    select q.n::int as n
    from unnest($1::uuid[]) with ordinality as q(id, n)
    join companies c on c.id = q.id`
}

/** Says which of the companies exist, in one statement. */
export async function findCompaniesPresent(pool: Pool, ids: readonly string[]): Promise<boolean[]> {
  const rows = await queryNamed<{ n: number }>(pool, lookUp, [uuidArray(ids)])
  const present = new Array<boolean>(ids.length).fill(false)
  for (const row of rows) present[row.n - 1] = true
  return present
}
