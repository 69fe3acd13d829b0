/** Brings the gateway's schema to this build. A program of its own, because it needs the role that owns the tables. */
import { migrate } from '@paperclip/db'
import { readMigrationUrl } from '@paperclip/server'
import { gatewaySchema } from './connections.js'
import { gatewayGrants } from './grants.js'
import { migrationsFolder } from './package-files.js'

/** The role the service runs as, where there is one of its own. */
const runtimeRole = 'paperclip_gateway'

try {
  const url = readMigrationUrl(process.env)
  const { applied, grants } = await migrate({
    url,
    schema: gatewaySchema,
    folder: migrationsFolder,
    runtimeRole,
    grants: gatewayGrants
  })
  process.stderr.write(`gateway: ${applied.length} migrations applied, privileges ${grants}\n`)
} catch (error) {
  process.stderr.write(`gateway: migrate: ${error instanceof Error ? error.message : 'failed'}\n`)
  process.exitCode = 1
}
