import type {
  AgentKeyView,
  AgentView,
  CompanyView,
  ProjectView,
  SecretVersionView,
  SecretView
} from '@paperclip/contracts'
import type { Column } from './print.js'

/** How people see rows that more than one command shows. */
export const companyColumns: readonly Column<CompanyView>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['status', (row) => row.status],
  ['created', (row) => row.createdAt]
]

export const projectColumns: readonly Column<ProjectView>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['created', (row) => row.createdAt]
]

export const agentColumns: readonly Column<AgentView>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['status', (row) => row.status],
  ['adapter', (row) => row.adapterType],
  ['created', (row) => row.createdAt]
]

export const agentKeyColumns: readonly Column<AgentKeyView>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['state', (row) => stateOfKey(row)],
  ['last used', (row) => row.lastUsedAt],
  ['expires', (row) => row.expiresAt],
  ['created', (row) => row.createdAt]
]

export const secretColumns: readonly Column<SecretView>[] = [
  ['id', (row) => row.id],
  ['key', (row) => row.key],
  ['name', (row) => row.name],
  ['status', (row) => row.status],
  ['version', (row) => row.latestVersion],
  ['used by', (row) => row.referenceCount],
  ['rotated', (row) => row.lastRotatedAt],
  ['resolved', (row) => row.lastResolvedAt]
]

export const versionColumns: readonly Column<SecretVersionView>[] = [
  ['version', (row) => row.version],
  ['status', (row) => row.status],
  ['created', (row) => row.createdAt],
  ['by', (row) => row.createdByUserId ?? row.createdByAgentId]
]

function stateOfKey({ revokedAt, expiresAt }: AgentKeyView): string {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'active'
}
