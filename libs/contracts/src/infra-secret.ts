/**
 * Decides by its name whether a secret is one of the deployment's own, which no company may hold, and says where it is
 * rotated instead. It keeps classes of secrets apart; it is no barrier against somebody who means to mix them.
 */

import { knownVariables } from './variables.js'

/** Sections of deploy/rotation.md, by whose a secret is. */
const sections = {
  deployment: 'deploy/rotation.md#infra-secrets',
  provider: 'deploy/rotation.md#provider-connected-accounts'
} as const

/** One class that no company holds. `name` is written here, never by a caller: it may be repeated. */
export interface InfraSecret {
  readonly name: string
  readonly kind: keyof typeof sections
}

const exactNames: readonly (readonly [name: string, kind: InfraSecret['kind']])[] = [
  ['BETTER_AUTH_SECRET', 'deployment'],
  ['DATABASE_URL', 'deployment'],
  ['DATABASE_MIGRATION_URL', 'deployment'],
  ['PORKBUN_API_KEY', 'deployment'],
  ['PORKBUN_SECRET_API_KEY', 'deployment'],
  ['AWS_ACCESS_KEY_ID', 'provider'],
  ['AWS_SECRET_ACCESS_KEY', 'provider'],
  ['AWS_SESSION_TOKEN', 'provider']
]
/** `paperclipapikey` has no word to begin with, and means nothing else. */
const ownVariables = new Set(knownVariables.map((name) => joined(name).replace(/(?:FILE|PREVIOUS)+$/, '')))
const prefixes = ['PAPERCLIP_', 'PORKBUN_']
/** Say how it is given, or which of two it is. */
const trailing = /(?:FILE|PREVIOUS)+$/
// `databaseUrl` is two words. Of fixed width, so that no name is read more than once.
const wordStart = /(?<=[a-z0-9])(?=[A-Z])/g

/** Finds what a secret's name or key means, in any case and with any separators; undefined when it may be used. */
export function findInfraSecret(name: string): InfraSecret | undefined {
  const plain = name.normalize('NFKC')
  for (const spelling of [plain, plain.replaceAll(wordStart, '_')]) {
    const folded = fold(spelling)
    const prefix = prefixes.find((each) => folded.startsWith(each))
    if (prefix !== undefined) return { name: `${prefix}*`, kind: 'deployment' }
    const words = joined(folded).replace(trailing, '')
    const known = exactNames.find(([each]) => joined(each) === words)
    if (known !== undefined) return { name: known[0], kind: known[1] }
    if (ownVariables.has(words)) return { name: 'PAPERCLIP_*', kind: 'deployment' }
  }
  return undefined
}

/** Says whether a secret's name or key is one of the deployment's own, which no company may hold. */
export function isInfraSecretName(name: string): boolean {
  return findInfraSecret(name) !== undefined
}

/** The sentence for whoever tried: where such a secret belongs, and how it is rotated there. */
export function infraSecretGuidance({ name, kind }: InfraSecret): string {
  const belongs =
    kind === 'deployment'
      ? `${name} is a secret of the deployment itself: it is kept and rotated where the deployment is configured`
      : `${name} is how the deployment itself enters AWS: it stays in the credential chain of the secrets service and is rotated at AWS`
  return `${belongs}, see ${sections[kind]}. Company secrets are what agents use; one of theirs needs a name of its own.`
}

/** The same for a value, whatever it is called. */
export const ownCredentialGuidance = `This value is a credential that the deployment itself runs with: it stays where the deployment is configured and is rotated there, see ${sections.deployment} and ${sections.provider}. Give agents credentials of their own.`

/** `betterauthsecret` is what is left of a key's spelling once it is lower-cased. */
function joined(folded: string): string {
  return folded.replaceAll('_', '')
}

function fold(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replace(/^_/, '')
    .replace(/_$/, '')
}
