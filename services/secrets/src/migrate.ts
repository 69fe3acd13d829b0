/** One-shot: brings schema `secrets` to this build's version, as the owner role. */
import { fileURLToPath } from 'node:url'
import { migrate } from '@paperclip/db'
import { grants, runtimeRole } from './grants.js'

const folder = fileURLToPath(new URL('../../migrations', import.meta.url))
const url = process.env.DATABASE_MIGRATION_URL?.trim() || process.env.DATABASE_URL?.trim()

if (!url) {
  process.stderr.write('DATABASE_MIGRATION_URL (or DATABASE_URL) is not set\n')
  process.exitCode = 1
} else {
  try {
    const { applied } = await migrate({ url, schema: 'secrets', folder, runtimeRole, grants })
    process.stdout.write(
      `secrets: ${applied.length === 0 ? 'schema is current' : `applied ${applied.join(', ')}`}\n`
    )
  } catch (error) {
    process.stderr.write(`secrets: ${error instanceof Error ? error.message : 'migration failed'}\n`)
    process.exitCode = 1
  }
}
