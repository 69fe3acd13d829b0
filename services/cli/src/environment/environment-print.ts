import type { GatewayClient } from '@paperclip/client'
import type { EnvironmentEntryView, EnvironmentView } from '@paperclip/contracts'
import type { CliIo } from '../cli-io.js'
import { printJson, printRows } from '../output/print.js'
import { secretKeysById } from '../pick/pick-named.js'

/** Prints an environment; for people with the keys of its secrets, which the reply does not have. */
export async function printEnvironment(
  io: CliIo,
  { env }: EnvironmentView,
  { client, companyId, json }: { client: GatewayClient; companyId: string; json: boolean }
): Promise<void> {
  if (json) {
    printJson(io, { env })
    return
  }
  const entries = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))
  const hasReference = entries.some(([, entry]) => entry.type === 'secret_ref')
  const keys = hasReference ? await secretKeysById(client, companyId) : new Map<string, string>()
  const shown = (entry: EnvironmentEntryView) =>
    entry.type === 'plain' ? entry.value : `secret:${keys.get(entry.secretId) ?? entry.secretId}`
  printRows(io, {
    json,
    rows: entries,
    columns: [
      ['name', ([name]) => name],
      ['value', ([, entry]) => shown(entry)],
      ['version', ([, entry]) => (entry.type === 'plain' ? null : entry.version)]
    ]
  })
}
