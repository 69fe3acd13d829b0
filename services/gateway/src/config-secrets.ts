import { createHash } from 'node:crypto'
import type { SecretValue } from '@paperclip/server'

/** Variables that are secret; each also as `NAME_FILE`. */
export const secretNames = [
  'DATABASE_URL',
  'BETTER_AUTH_SECRET',
  'PAPERCLIP_AGENT_JWT_SECRET',
  'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
  'REDIS_URL'
] as const
export type SecretName = (typeof secretNames)[number]

/** Secret for the passwords they may carry; not keys themselves. */
const addressNames: ReadonlySet<SecretName> = new Set(['DATABASE_URL', 'REDIS_URL'])

/** HMAC-SHA256 keys shorter than their output are weaker than it (RFC 7518 section 3.2). */
const secretBytesMin = 32
/** 32 random bytes in any usual spelling have more; a word typed again and again has not. */
const distinctCharsMin = 8

/** Names secrets that are too weak, equal to another one, or set without what they belong to. Never a value. */
export function secretFaults(secrets: Readonly<Record<SecretName, SecretValue | null>>): string[] {
  const faults: string[] = []
  const seen = new Map<string, string>()
  for (const name of secretNames) {
    const text = secrets[name]?.reveal()
    if (addressNames.has(name) || text === undefined) continue
    if (Buffer.byteLength(text) < secretBytesMin)
      faults.push(`${name} must be at least ${secretBytesMin} bytes`)
    else if (new Set(text).size < distinctCharsMin)
      faults.push(`${name} must be random: make one with "openssl rand -base64 32"`)
    const digest = createHash('sha256').update(text).digest('hex')
    const other = seen.get(digest)
    if (other !== undefined) faults.push(`${name} must differ from ${other}`)
    seen.set(digest, name)
  }
  if (secrets.PAPERCLIP_AGENT_JWT_SECRET === null && secrets.PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS !== null)
    faults.push('PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS is set without PAPERCLIP_AGENT_JWT_SECRET')
  return faults
}
