import type { Db } from '@paperclip/db'
import { countPinsBefore } from '../binding/binding-store.js'
import type { SecretsDatabase } from '../database.js'
import type { SecretRow } from './secret-store.js'

/** AWS keeps about a hundred versions that no label holds, and forgets the oldest beyond. */
const versionsBehindMax = 90

/** Says so when entries are pinned to versions that the provider will soon have forgotten. */
export async function pinWarnings(
  db: Db<SecretsDatabase>,
  { company_id: companyId, id: secretId, latest_version: latest }: SecretRow
): Promise<{ warnings?: string[] }> {
  const version = latest - versionsBehindMax + 1
  if (version <= 1) return {}
  const pins = await countPinsBefore(db, { companyId, secretId, version })
  if (pins === 0) return {}
  const [entries, are] = pins === 1 ? ['entry', 'is'] : ['entries', 'are']
  return {
    warnings: [
      `${pins} environment ${entries} of this secret ${are} pinned ${versionsBehindMax} or more versions back. The provider keeps about 100 and then forgets the oldest: move the pins forward.`
    ]
  }
}
