import { randomBytes } from 'node:crypto'
import { eventually } from './eventually.js'
import type { Teardown } from './teardown.js'
import { adminDatabaseUrl, withDatabase, withUser } from './test-cluster.js'
import {
  ownerRole,
  runtimeRole,
  type TestSchema,
  testSchemas,
  withClient,
  withSetupLock
} from './test-roles.js'
import { ensureTemplate, type TestMigration } from './test-template.js'

/** A database of its own for one test file, with the four roles of a hosted installation. */
export interface TestDatabase {
  readonly name: string
  /** Connects as superuser. */
  readonly adminUrl: string
  /** Connects as the role that owns the schema. */
  ownerUrl(schema: TestSchema): string
  /** Connects as the role the service runs as, with the declared privileges and no others. */
  url(schema: TestSchema): string
}

const nameBytes = 6
const cloneMsMax = 20_000

/** Clones a migrated database (an empty one without `migrations`) and drops it when the test ends. */
export async function testDatabase(
  t: Teardown,
  { migrations = [] }: { migrations?: readonly TestMigration[] } = {}
): Promise<TestDatabase> {
  const serverUrl = await adminDatabaseUrl(t)
  const { template, rolePassword } = await withSetupLock(serverUrl, async (admin, password) => ({
    template: await ensureTemplate(admin, { adminUrl: serverUrl, rolePassword: password, migrations }),
    rolePassword: password
  }))
  const name = `${databasePrefix()}${process.pid}_${randomBytes(nameBytes).toString('hex')}`
  t.teardown(() =>
    withClient(serverUrl, (admin) => admin.query(`drop database if exists ${name} with (force)`))
  )
  await withClient(serverUrl, async (admin) => {
    // A worker of the server itself (autovacuum) may sit in the template for a moment.
    await eventually(() => admin.query(`create database ${name} template ${template}`), {
      deadlineMs: cloneMsMax
    })
    await admin.query(`revoke all on database ${name} from public`)
    for (const schema of testSchemas) {
      await admin.query(`grant connect on database ${name} to ${ownerRole(schema)}, ${runtimeRole(schema)}`)
      await admin.query(`grant create, temporary on database ${name} to ${ownerRole(schema)}`)
    }
  })
  const adminUrl = withDatabase(serverUrl, name)
  return {
    name,
    adminUrl,
    ownerUrl: (schema) => withUser(adminUrl, { user: ownerRole(schema), password: rolePassword }),
    url: (schema) => withUser(adminUrl, { user: runtimeRole(schema), password: rolePassword })
  }
}

/** What the names of this run's databases begin with, so that what a killed test left can be found. */
export function databasePrefix(): string {
  return `paperclip_test_${process.env.PAPERCLIP_TEST_RUN ?? 'single'}_`
}
