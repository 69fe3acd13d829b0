import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectOptions, connect, type Database } from '@paperclip/db'
import type { Teardown } from '@paperclip/testing'

/** The limits these tests use unless a test is about one: short enough to wait for. */
export const limits = {
  applicationName: 'db tests',
  poolMax: 4,
  statementTimeoutMs: 2_000,
  lockTimeoutMs: 1_000,
  idleInTransactionTimeoutMs: 2_000,
  connectionTimeoutMs: 1_000,
  queryTimeoutMs: 3_000,
  onError: () => {}
} as const

/** Connects to a schema and closes with the test. */
export function connected<DB>(
  t: Teardown,
  options: { url: string; schema: string } & Partial<ConnectOptions>
): Database<DB> {
  const database = connect<DB>({ ...limits, ...options })
  t.teardown(() => database.close())
  return database
}

/** Makes a folder with these files, removed with the test. */
export async function folderOf(t: Teardown, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-migrations-'))
  t.teardown(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}
