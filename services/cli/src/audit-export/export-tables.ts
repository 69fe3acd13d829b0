import { type AccessEventView, type ActivityView, toCsvJson } from '@paperclip/contracts'
import type { ExportTable } from './format-rows.js'

/** Changes of a company; the columns are those of the server's own export. */
export const activityTable: ExportTable<ActivityView> = [
  ['id', (row) => row.id],
  ['timestamp', (row) => row.timestamp],
  ['action', (row) => row.action],
  ['actorType', (row) => row.actorType],
  ['actorId', (row) => row.actorId],
  ['entityType', (row) => row.entityType],
  ['entityId', (row) => row.entityId],
  ['runId', (row) => row.runId],
  ['metadata', (row) => toCsvJson(row.metadata)]
]

/** Changes of the instance: those of companies that were deleted are among them, and say of which. */
export const instanceActivityTable: ExportTable<ActivityView> = [
  ...activityTable,
  ['companyId', (row) => row.companyId]
]

/** Who got a value and who was refused. */
export const accessEventTable: ExportTable<AccessEventView> = [
  ['id', (row) => row.id],
  ['createdAt', (row) => row.createdAt],
  ['outcome', (row) => row.outcome],
  ['code', (row) => row.code],
  ['secretId', (row) => row.secretId],
  ['secretKey', (row) => row.secretKey],
  ['version', (row) => row.version],
  ['provider', (row) => row.provider],
  ['actorType', (row) => row.actorType],
  ['actorId', (row) => row.actorId],
  ['openedByType', (row) => row.openedBy?.actorType ?? null],
  ['openedById', (row) => row.openedBy?.actorId ?? null],
  ['openedByCredential', (row) => row.openedBy?.credentialKind ?? null],
  ['openedByCredentialId', (row) => row.openedBy?.credentialId ?? null],
  ['targetType', (row) => row.targetType],
  ['targetId', (row) => row.targetId],
  ['configPath', (row) => row.configPath],
  ['runId', (row) => row.runId],
  ['followsEventId', (row) => row.followsEventId],
  ['requestId', (row) => row.requestId]
]
