/** One-shot: brings schema `secrets` to this build's version, as the owner role. */
import { fileURLToPath } from 'node:url'
import { migrate } from '@paperclip/db'
import { readMigrationUrl } from '@paperclip/server'
import { grants, runtimeRole } from './grants.js'

const folder = fileURLToPath(new URL('../../migrations', import.meta.url))

try {
  const url = readMigrationUrl(process.env)
  const { applied, grants: privileges } = await migrate({
    url,
    schema: 'secrets',
    folder,
    runtimeRole,
    grants
  })
  process.stderr.write(`secrets: ${applied.length} migrations applied, privileges ${privileges}\n`)
} catch (error) {
  process.stderr.write(`secrets: migrate: ${error instanceof Error ? error.message : 'failed'}\n`)
  process.exitCode = 1
}
