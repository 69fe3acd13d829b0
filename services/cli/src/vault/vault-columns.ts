import type { VaultView } from '@paperclip/contracts'
import type { Column } from '../output/print.js'

/** How people see a provider vault. */
export const vaultColumns: readonly Column<VaultView>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.displayName],
  ['provider', (row) => row.provider],
  ['status', (row) => row.status],
  ['default', (row) => (row.isDefault ? 'yes' : null)],
  ['health', (row) => row.healthStatus],
  ['checked', (row) => row.healthCheckedAt],
  ['config', (row) => configText(row)]
]

function configText({ config }: VaultView): string | null {
  const text = Object.entries(config).map(([name, value]) => `${name}=${value}`)
  return text.length === 0 ? null : text.join(' ')
}
