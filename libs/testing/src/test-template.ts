import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Grants, listMigrations, migrate } from '@paperclip/db'
import type pg from 'pg'
import { withDatabase, withUser } from './test-cluster.js'
import { ownerRole, runtimeRole, type TestSchema } from './test-roles.js'

/**
 * One service's schema: its folder of migrations, and either its grants or, for a service whose code
 * cannot be imported here, its compiled `migrate.js`, run with `DATABASE_MIGRATION_URL` of the owner.
 */
export type TestMigration = {
  readonly schema: TestSchema
  readonly folder: string
} & ({ readonly grants: Grants } | { readonly program: string })

// Raise it when the way templates are made changes, so that kept servers do not offer old ones.
const templateFormat = 1
const hashChars = 20
const programMsMax = 60_000
const run = promisify(execFile)

interface TemplateSource {
  readonly adminUrl: string
  readonly rolePassword: string
  readonly migrations: readonly TestMigration[]
}

/**
 * Returns the name of a migrated database to clone, made once per server for the same migrations. The
 * caller holds the set-up lock. A half-made one never has the final name, and nobody can connect to a
 * finished one, so that cloning is never refused because of a session.
 */
export async function ensureTemplate(admin: pg.Client, source: TemplateSource): Promise<string> {
  const name = `paperclip_template_${await fingerprint(source.migrations)}`
  const found = await admin.query('select 1 from pg_database where datname = $1', [name])
  if (found.rows.length > 0) return name
  const building = `${name}_building`
  await admin.query(`drop database if exists ${building} with (force)`)
  await admin.query(`create database ${building} template template0`)
  await admin.query(`revoke all on database ${building} from public`)
  for (const { schema } of source.migrations) {
    await admin.query(`grant connect, create, temporary on database ${building} to ${ownerRole(schema)}`)
  }
  for (const migration of source.migrations) await fill(migration, { ...source, database: building })
  await admin.query(`alter database ${building} with allow_connections false`)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [building])
  await admin.query(`alter database ${building} rename to ${name}`)
  return name
}

async function fill(
  migration: TestMigration,
  { adminUrl, rolePassword, database }: TemplateSource & { database: string }
): Promise<void> {
  const { schema, folder } = migration
  const url = withUser(withDatabase(adminUrl, database), { user: ownerRole(schema), password: rolePassword })
  if ('grants' in migration) {
    await migrate({ url, schema, folder, runtimeRole: runtimeRole(schema), grants: migration.grants })
    return
  }
  const env = { PATH: process.env.PATH ?? '', DATABASE_URL: url, DATABASE_MIGRATION_URL: url }
  await run(process.execPath, [migration.program], { env, timeout: programMsMax })
}

async function fingerprint(migrations: readonly TestMigration[]): Promise<string> {
  const hash = createHash('sha256').update(`format ${templateFormat}`)
  for (const migration of migrations) {
    hash.update(`\0${migration.schema}`)
    for (const { name, path } of await listMigrations(migration.folder)) {
      hash.update(`\0${name}\0`).update(await readFile(path))
    }
    if ('grants' in migration) hash.update(JSON.stringify(migration.grants))
    else await hashProgram(hash, join(migration.program, '..'))
  }
  return hash.digest('hex').slice(0, hashChars)
}

// The grants a program applies may stand in any file beside it.
async function hashProgram(hash: ReturnType<typeof createHash>, folder: string): Promise<void> {
  for (const file of (await readdir(folder)).sort()) {
    if (file.endsWith('.js')) hash.update(await readFile(join(folder, file)))
  }
}
