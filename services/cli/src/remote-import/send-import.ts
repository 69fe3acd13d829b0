import type { GatewayClient } from '@paperclip/client'
import {
  commitRemoteImport,
  type ImportRow,
  limits,
  type RemoteImportReport,
  type VaultView
} from '@paperclip/contracts'
import { exitCodes } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { printJson, printRows } from '../output/print.js'
import { resultColumns } from './import-table.js'

/**
 * Sends the rows in portions and prints what became of each; `exitCode` 1 when one is an error. What was linked before
 * a portion fails stays linked, and is shown before the failure is.
 */
export async function sendImport(
  client: GatewayClient,
  io: CliIo,
  { vault, rows, json }: { vault: VaultView; rows: readonly ImportRow[]; json: boolean }
): Promise<void> {
  const { id: providerConfigId, companyId, provider } = vault
  let report: RemoteImportReport = {
    providerConfigId,
    provider,
    importedCount: 0,
    skippedCount: 0,
    errorCount: 0,
    results: []
  }
  try {
    for (let start = 0; start < rows.length; start += limits.importRowsMax) {
      const secrets = rows.slice(start, start + limits.importRowsMax)
      const part = await client.call(commitRemoteImport, {
        params: { companyId },
        body: { providerConfigId, secrets }
      })
      report = sum(report, part)
      if (report.results.length < rows.length) note(io, `${report.results.length} of ${rows.length} done`)
    }
  } catch (error) {
    if (report.results.length > 0) print(io, { report, json })
    throw error
  }
  print(io, { report, json })
}

function sum(one: RemoteImportReport, other: RemoteImportReport): RemoteImportReport {
  return {
    ...one,
    importedCount: one.importedCount + other.importedCount,
    skippedCount: one.skippedCount + other.skippedCount,
    errorCount: one.errorCount + other.errorCount,
    results: [...one.results, ...other.results]
  }
}

function print(io: CliIo, { report, json }: { report: RemoteImportReport; json: boolean }): void {
  const { results, importedCount, skippedCount, errorCount } = report
  if (json) printJson(io, report)
  else printRows(io, { json, rows: results, columns: resultColumns })
  note(io, `${importedCount} imported, ${skippedCount} skipped, ${errorCount} failed`)
  if (errorCount > 0) io.exitCode = exitCodes.failed
}
