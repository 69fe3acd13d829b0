import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { SeenReply } from './e2e-api.js'

/** Values, tokens and keys that must never show, each under a name that may. */
export type Canaries = Map<string, string>

/** Too short to say anything when found. */
const canaryCharsMin = 12
const canaryBytes = 18

/** Makes a value that looks like nothing else and is remembered. */
export function makeCanary(canaries: Canaries, name: string): string {
  const value = `canary-${randomBytes(canaryBytes).toString('base64url')}`
  canaries.set(name, value)
  return value
}

/** Names the canaries that stand in a text, plainly or in a usual encoding. */
export function findLeaks(text: string, canaries: Canaries): string[] {
  const leaks: string[] = []
  for (const [name, value] of canaries) {
    if (value.length < canaryCharsMin) throw new Error(`the canary ${name} is too short to look for`)
    for (const [form, encoded] of encodings(value))
      if (text.includes(encoded)) leaks.push(`${name} (${form})`)
  }
  return leaks
}

/** Names the canaries in replies, as `operation: canary`. Only a success that is declared to carry one may. */
export function findLeaksInReplies(replies: readonly SeenReply[], canaries: Canaries): string[] {
  return replies
    .filter(({ route, status }) => status >= 400 || !route.config.noStore)
    .flatMap(({ route, text }) =>
      findLeaks(text, canaries).map((leak) => `${route.config.operationId}: ${leak}`)
    )
}

/** Names the canaries in the text of every row of every table, as `schema.table: canary`. */
export async function findLeaksInDatabase(
  adminUrl: string,
  canaries: Canaries
): Promise<{ leaks: string[]; tables: number }> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
       where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`
    )
    const leaks: string[] = []
    for (const { name } of tables) {
      const { rows } = await client.query<{ text: string }>(`select t::text as text from ${name} t`)
      const text = rows.map((row) => row.text).join('\n')
      leaks.push(...findLeaks(text, canaries).map((leak) => `${name}: ${leak}`))
    }
    return { leaks, tables: tables.length }
  } finally {
    await client.end()
  }
}

function encodings(value: string): [form: string, text: string][] {
  const bytes = Buffer.from(value)
  // Base64 of a text that stands inside a longer one depends on where it begins: its inner part for each of three.
  const inside = [0, 1, 2].map((shift): [string, string] => [
    `base64 at ${shift}`,
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4)
  ])
  return [
    ['plain', value],
    ['hex', bytes.toString('hex')],
    ['base64url', bytes.toString('base64url').slice(0, -2)],
    ['JSON', JSON.stringify(value).slice(1, -1)],
    ['URL', encodeURIComponent(value)],
    ...inside
  ]
}
