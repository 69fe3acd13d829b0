import type { Environment } from './launch-settings.js'
import { documentedNames, documentedPrefixes } from './service-environment.js'

/** Names that only the launcher or the command line read. */
const otherNames = [
  ...['PAPERCLIP_HOME', 'PAPERCLIP_INSTANCE_ID', 'PAPERCLIP_DEPLOYMENT_MODE', 'PAPERCLIP_SECRETS_PORT'],
  ...[
    'PAPERCLIP_SECRETS_HOST',
    'PAPERCLIP_SECRETS_URL',
    'PAPERCLIP_SECRETS_DATABASE_URL',
    'PAPERCLIP_POSTGRES_USER'
  ],
  ...[
    'PAPERCLIP_GATEWAY_KEY_FILE',
    'PAPERCLIP_INTERNAL_KEYS_FILE',
    'PAPERCLIP_SECRETS_MASTER_KEY',
    'PAPERCLIP_AUDIT_KEY'
  ],
  ...['PAPERCLIP_AGENT_JWT_SECRET', 'PAPERCLIP_API_URL', 'PAPERCLIP_API_KEY', 'PAPERCLIP_COMPANY_ID']
]

/** Farther apart than this, two names are not one misspelt. */
const editsMax = 4

/**
 * Finds the `PAPERCLIP_*` variables that nothing reads, each with the known name that was probably meant.
 *
 * The launcher has to say this: the services are given documented variables only.
 */
export function unknownVariables(env: Environment): { name: string; nearest: string | undefined }[] {
  const known = new Set([...otherNames, ...documentedNames])
  const isKnown = (name: string): boolean =>
    known.has(name) ||
    known.has(name.replace(/_FILE$/, '')) ||
    documentedPrefixes.some((each) => name.startsWith(each))
  return Object.keys(env)
    .filter((name) => name.startsWith('PAPERCLIP_') && !isKnown(name))
    .map((name) => ({ name, nearest: nearestOf(name, [...known]) }))
}

function nearestOf(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
  const best = ranked.sort((a, b) => a.edits - b.edits)[0]
  return best !== undefined && best.edits <= editsMax ? best.candidate : undefined
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
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
