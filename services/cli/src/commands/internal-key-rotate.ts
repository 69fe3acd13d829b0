import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type CliIo, hint, note } from '../cli-io.js'
import { rotateInternalKey } from '../internal-key/change-keys.js'
import {
  type KeyFlags,
  parseCaller,
  parseExpiry,
  parseGrace,
  withKeyFlags
} from '../internal-key/key-flags.js'
import { findKeyPlace } from '../internal-key/key-place.js'
import { gatewayCaller } from '../internal-key/key-rules.js'
import { internalKeyColumns, viewKey } from '../internal-key/key-view.js'
import { printRecord } from '../output/print.js'

const graceDefault = '24h'

interface Flags extends KeyFlags {
  readonly grace: number
  readonly expires?: string
  readonly out?: string
}

/** `internal-key rotate`: the new key is listed, then used, and the former one ends after the grace. */
export function addInternalKeyRotate(parent: Command, io: CliIo): void {
  withKeyFlags(
    parent
      .command('rotate')
      .description('give an internal service, or the gateway, another key; no request fails')
  )
    .argument('<caller>', 'the name of the service, or `gateway`', parseCaller)
    .addOption(
      new Option('--grace <time>', 'how long the former key still works: 10s to 30d')
        .argParser(parseGrace)
        .default(parseGrace(graceDefault), graceDefault)
    )
    .option('--expires <time>', 'when the new key ends, UTC (default: as the former one)', parseExpiry)
    .option(
      '--out <file>',
      "the service's own file, replaced in one step (default: <caller>-key.json beside the list)"
    )
    .addHelpText(
      'after',
      '\nThe former key is not kept anywhere but in the list, until it ends.\n' +
        '\nExamples:\n  $ paperclipai internal-key rotate gateway\n  $ paperclipai internal-key rotate runner --grace 1h --out runner-key.json'
    )
    .action(async (caller: string, flags: Flags) => {
      const place = await findKeyPlace(io, flags)
      const out = resolve(flags.out ?? place.callerFile(caller))
      const { grace: graceMs, expires } = flags
      const options = { caller, out, graceMs, ...(expires === undefined ? {} : { notAfter: expires }) }
      const { key, ending } = await rotateInternalKey(place, options)
      const former = ending.map(({ id, notAfter }) => ({ id, notAfter }))
      const record = { ...viewKey(key), file: out, keysFile: place.keysFile, former }
      const columns = [...internalKeyColumns.slice(0, -1), ['file', () => out] as const]
      printRecord(io, { json: flags.json ?? false, record, columns })
      for (const { id, notAfter } of former) note(io, `${id} works until ${notAfter}`)
      const isHere = place.origin !== null && out === place.callerFile(caller)
      hint(io, nextStep(caller, { out, isHere }))
    })
}

function nextStep(caller: string, { out, isHere }: { out: string; isHere: boolean }): string {
  if (caller !== gatewayCaller) return `move ${out} to where ${caller} runs before its former key ends`
  return isHere
    ? 'the gateway signs with the new key within a second; nothing is left to do'
    : 'services that read these files take them up within a second; restart containers that have copies, the secrets service first, then the gateway'
}
