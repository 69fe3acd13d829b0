/** Every `PAPERCLIP_*` name that means something to some part of the product; also `<name>_FILE` of the secret ones. */
export const knownVariables = [
  'PAPERCLIP_HOME', 'PAPERCLIP_INSTANCE_ID', 'PAPERCLIP_DEPLOYMENT_MODE', 'PAPERCLIP_DEPLOYMENT_EXPOSURE',
  'PAPERCLIP_METRICS_PORT', 'PAPERCLIP_PUBLIC_URL', 'PAPERCLIP_AUTH_PUBLIC_BASE_URL', 'PAPERCLIP_ALLOWED_HOSTNAMES',
  'PAPERCLIP_ALLOWED_ORIGINS', 'PAPERCLIP_AGENT_JWT_SECRET', 'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
  'PAPERCLIP_SECRETS_URL', 'PAPERCLIP_GATEWAY_KEY_FILE', 'PAPERCLIP_ENABLE_COMPANY_DELETION',
  'PAPERCLIP_SECRETS_PORT', 'PAPERCLIP_SECRETS_HOST', 'PAPERCLIP_INTERNAL_KEYS_FILE', 'PAPERCLIP_SECRETS_MASTER_KEY',
  'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS', 'PAPERCLIP_AUDIT_KEY', 'PAPERCLIP_SECRETS_STRICT_MODE',
  'PAPERCLIP_SECRETS_PROVIDER', 'PAPERCLIP_SECRETS_AWS_REGION', 'PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID',
  'PAPERCLIP_SECRETS_AWS_KMS_KEY_ID', 'PAPERCLIP_SECRETS_AWS_PREFIX', 'PAPERCLIP_SECRETS_AWS_ENVIRONMENT',
  'PAPERCLIP_SECRETS_AWS_PROVIDER_OWNER', 'PAPERCLIP_SECRETS_AWS_ENDPOINT',
  'PAPERCLIP_SECRETS_AWS_DELETE_RECOVERY_DAYS', 'PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES',
  'PAPERCLIP_STORAGE_PROVIDER', 'PAPERCLIP_INTERNAL_TLS_CERT_FILE', 'PAPERCLIP_INTERNAL_TLS_KEY_FILE',
  'PAPERCLIP_INTERNAL_TLS_CA_FILE', 'PAPERCLIP_INTERNAL_PLAINTEXT', 'PAPERCLIP_SECRETS_DATABASE_URL',
  'PAPERCLIP_POSTGRES_USER', 'PAPERCLIP_API_URL', 'PAPERCLIP_API_KEY', 'PAPERCLIP_COMPANY_ID',
  'PAPERCLIP_PARENT_FD', 'PAPERCLIP_EMBEDDED_DATABASE', 'PAPERCLIP_LOG_LEVEL'
] // biome-ignore format: a list reads better packed

const known = new Set<string>(knownVariables)
/** Farther apart than this, two names are not one misspelt. */
const editsMax = 4

/** A `PAPERCLIP_*` variable that nothing reads. */
export interface UnknownVariable {
  name: string
  /** The known name that was probably meant. */
  nearest: string | undefined
}

/** Lists the `PAPERCLIP_*` names in an environment that nothing reads, each with the nearest one that something does. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): UnknownVariable[] {
  return Object.keys(env)
    .filter(
      (name) => name.startsWith('PAPERCLIP_') && !known.has(name) && !known.has(name.replace(/_FILE$/, ''))
    )
    .map((name) => ({ name, nearest: nearestOf(name) }))
}

function nearestOf(name: string): string | undefined {
  const ranked = knownVariables.map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
  ranked.sort((a, b) => a.edits - b.edits)
  const [best] = ranked
  return best !== undefined && best.edits <= editsMax ? best.candidate : undefined
}

/** Levenshtein's distance, by rows. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...b].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
