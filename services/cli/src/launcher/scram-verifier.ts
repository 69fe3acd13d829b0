import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** PostgreSQL's own default. The passwords made here are 256 random bits, so more would add nothing. */
const iterations = 4096
const saltBytes = 16
const keyBytes = 32

/**
 * Computes what PostgreSQL stores for a password (RFC 5803, SCRAM-SHA-256), from a printable ASCII password.
 *
 * A role made with it never sends its password to the server, where a statement log would keep it.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(saltBytes)): string {
  const salted = pbkdf2Sync(password, salt, iterations, keyBytes, 'sha256')
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest()
  const parts = [storedKey, hmac('Server Key')].map((key) => key.toString('base64'))
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${parts.join(':')}`
}
