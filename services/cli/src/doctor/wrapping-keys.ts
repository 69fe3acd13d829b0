import { createHmac, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { codeOf, sqlState, withClient } from '../launcher/database-client.js'
import { answerMsMax } from './database-facts.js'

const derive = promisify(pbkdf2)
const keyBytes = 32
const idLabel = 'paperclip-master-key-id-1'
const idHexDigits = 16

/** A master key that stored company keys are wrapped with: its id, and what that id is derived with. */
export interface WrappingKey {
  readonly id: string
  readonly salt: Buffer
  readonly iterations: number
}

/** Lists the master keys that something stored cannot be opened without. `url` as for `findMasterKeyNeed`. */
export async function listWrappingKeys(url: string): Promise<readonly WrappingKey[]> {
  return await withClient(
    url,
    async (client) => {
      try {
        const { rows } = await client.query<WrappingKey>(
          `select id, salt, iterations from secrets.master_keys
         where id in (select master_key_id from secrets.company_keys where wrapped is not null) order by id`
        )
        return rows
      } catch (error) {
        const code = codeOf(error)
        if (code === sqlState.undefinedTable || code === sqlState.undefinedSchema) return []
        throw error
      }
    },
    { answerMsMax }
  )
}

/**
 * Computes the id that the secrets service gives a master key: the one place outside of that service that knows how
 * (PBKDF2-HMAC-SHA256, RFC 8018, then an HMAC under what comes out). Takes some tenths of a second of the thread pool.
 */
export async function masterKeyId(
  key: Buffer,
  { salt, iterations }: Pick<WrappingKey, 'salt' | 'iterations'>
): Promise<string> {
  const wrapping = await derive(key, salt, iterations, keyBytes, 'sha256')
  const mac = createHmac('sha256', wrapping).update(idLabel).digest('hex')
  wrapping.fill(0)
  return `mk_${mac.slice(0, idHexDigits)}`
}
