/**
 * Decides what must not lie about in the open: a variable whose name says so, or a value that looks like a
 * known credential whatever its name. The one matcher of storage, redaction, strict mode, migration and export.
 */
import { looksLikeCredential } from './credential-shape.js'
import { isSensitiveName } from './sensitive-name.js'

/** Says whether a plain variable must be sealed at rest, redacted in replies, and refused in strict mode. */
export function isSensitive(name: string, value: string): boolean {
  return isSensitiveName(name) || looksLikeCredential(value)
}

const infraNames = new Set([
  'BETTER_AUTH_SECRET',
  'DATABASE_URL',
  'DATABASE_MIGRATION_URL',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SESSION_TOKEN'
])

/** Says whether a secret's name or key is one of the deployment's own, which no company may hold. */
export function isInfraSecretName(name: string): boolean {
  const folded = name.trim().toUpperCase().replaceAll('-', '_')
  return infraNames.has(folded) || folded.startsWith('PAPERCLIP_') || folded.startsWith('PORKBUN_')
}
