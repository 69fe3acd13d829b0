import { resolve } from 'node:path'
import type { Command } from 'commander'
import { MisuseError } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { createInternalKey } from '../internal-key/change-keys.js'
import {
  type KeyFlags,
  parseCaller,
  parseCompany,
  parseExpiry,
  parseScope,
  requireService,
  withKeyFlags
} from '../internal-key/key-flags.js'
import { findKeyPlace } from '../internal-key/key-place.js'
import { internalKeyColumns, viewKey } from '../internal-key/key-view.js'
import { printRecord } from '../output/print.js'

interface Flags extends KeyFlags {
  readonly scope?: readonly string[]
  readonly company?: readonly string[]
  readonly expires?: string
  readonly out?: string
}

/** `internal-key create`: the secret goes into a file, and nowhere else. */
export function addInternalKeyCreate(parent: Command, io: CliIo): void {
  withKeyFlags(parent.command('create').description('make the key that an internal service signs with'))
    .argument('<caller>', 'the name of the service', parseCaller)
    .option(
      '--scope <scope>',
      'resolve: values of environments; audit:read: the activity log (repeatable)',
      parseScope
    )
    .option('--company <id>', 'a company it may act for (repeatable; default: all)', parseCompany)
    .option('--expires <time>', 'when it ends, UTC (default: never)', parseExpiry)
    .option('--out <file>', "the service's own file (default: <caller>-key.json beside the list)")
    .addHelpText(
      'after',
      '\nThe file holds {id, secret}, for its owner alone. It is not shown and cannot be made again.\n' +
        '\nExample:\n  $ paperclipai internal-key create runner --scope resolve --company 0198f7a0-… --out runner-key.json'
    )
    .action(async (caller: string, flags: Flags) => {
      requireService(caller)
      const { scope: scopes, company: companies = null, expires: notAfter = null } = flags
      if (scopes === undefined)
        throw new MisuseError(
          'no --scope was given',
          'a key may do nothing without --scope resolve or --scope audit:read'
        )
      const place = await findKeyPlace(io, flags)
      const out = resolve(flags.out ?? place.callerFile(caller))
      const key = await createInternalKey(place, { caller, grant: { scopes, companies, notAfter }, out })
      const record = { ...viewKey(key), file: out, keysFile: place.keysFile }
      const columns = [...internalKeyColumns.slice(0, -1), ['file', () => out] as const]
      printRecord(io, { json: flags.json ?? false, record, columns })
      if (companies === null) note(io, `${caller} may act for every company; --company limits it`)
      hint(
        io,
        `move ${out} to where ${caller} runs; a secrets service that has a copy of the list, or the file mounted into a container, knows the key when it is restarted`
      )
    })
}
