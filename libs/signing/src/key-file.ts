import { createKeyFileReader, type KeyFileReader, readKeyFile } from './key-file-reader.js'
import { createSigningKey, keyIdPattern, type SigningKey, type VerifierKey } from './signing-key.js'

const keysMax = 256
const scopesMax = 32
const companiesMax = 1000

const callerPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/
const scopePattern = /^[a-z][a-z0-9:_-]{0,63}$/
const companyIdPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const signerMembers = ['id', 'secret']
const verifierMembers = ['id', 'caller', 'secret', 'scopes', 'companies', 'notAfter']

/**
 * Loads a verifier's file: `{keys: [{id, caller, secret, scopes, companies|null, notAfter|null}]}`, nothing else.
 * Throws KeyFileError.
 */
export function loadVerifierKeys(path: string): readonly VerifierKey[] {
  return parseVerifierKeys(path, readKeyFile(path))
}

/** Loads a caller's own file: `{id, secret}`, nothing else. Throws KeyFileError. */
export function loadSignerKey(path: string): SigningKey {
  return parseSignerKey(path, readKeyFile(path))
}

/** Parses the text of a caller's file. */
export function parseSignerKey(path: string, text: string): SigningKey {
  const reader = createKeyFileReader(path, text)
  return parseKey(reader, reader.members(reader.root(), 'the file', signerMembers), '')
}

/** Parses the text of a verifier's file. No two keys may share an id or a secret. */
export function parseVerifierKeys(path: string, text: string): readonly VerifierKey[] {
  const reader = createKeyFileReader(path, text)
  const { keys } = reader.members(reader.root(), 'the file', ['keys'])
  const entries = reader.list(keys, 'keys', keysMax)
  const parsed = entries.map((entry, index) => parseVerifierKey(reader, entry, `keys[${index}]`))
  requireDistinct(reader, parsed)
  return Object.freeze(parsed)
}

function parseVerifierKey(reader: KeyFileReader, entry: unknown, where: string): VerifierKey {
  const members = reader.members(entry, where, verifierMembers)
  const { caller, scopes, companies, notAfter } = members
  const companyRule = { pattern: companyIdPattern, entriesMax: companiesMax }
  return Object.freeze({
    ...parseKey(reader, members, `${where}.`),
    caller: reader.text(caller, `${where}.caller`, callerPattern),
    scopes: reader.texts(scopes, `${where}.scopes`, { pattern: scopePattern, entriesMax: scopesMax }),
    companies: companies === null ? null : reader.texts(companies, `${where}.companies`, companyRule),
    notAfterMs: notAfter === null ? null : reader.instantMs(notAfter, `${where}.notAfter`)
  })
}

function parseKey(
  reader: KeyFileReader,
  members: Readonly<Record<string, unknown>>,
  prefix: string
): SigningKey {
  const id = reader.text(members.id, `${prefix}id`, keyIdPattern)
  const secret = reader.secret(members.secret, `${prefix}secret`)
  const key = createSigningKey({ id, secret })
  // The KeyObject has its own copy.
  secret.fill(0)
  return key
}

function requireDistinct(reader: KeyFileReader, keys: readonly VerifierKey[]): void {
  for (const [index, key] of keys.entries()) {
    for (const [earlierIndex, earlier] of keys.slice(0, index).entries()) {
      const rule = `repeats that of keys[${earlierIndex}]`
      if (earlier.id === key.id) throw reader.problem(`keys[${index}].id`, rule)
      // A shared secret would let one caller sign as the other.
      if (earlier.hmacKey.equals(key.hmacKey)) throw reader.problem(`keys[${index}].secret`, rule)
    }
  }
}
