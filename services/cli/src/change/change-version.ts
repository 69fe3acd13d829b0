import type { destroySecretVersion, disableSecretVersion, enableSecretVersion } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { printRecord } from '../output/print.js'
import { versionColumns } from '../output/views.js'
import { type CompanyFlags, namedCompany, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

/** A change of one version's state. */
interface VersionChange<Flags extends CompanyFlags> {
  readonly route: typeof disableSecretVersion | typeof enableSecretVersion | typeof destroySecretVersion
  /** Runs before anything is sent; what it throws stops the command. */
  readonly confirm?: (io: CliIo, choice: { secret: string; version: number; flags: Flags }) => Promise<void>
}

/** Gives a command its arguments and the one call it makes. */
export function withVersionChange<Flags extends CompanyFlags>(
  command: Command,
  io: CliIo,
  { route, confirm }: VersionChange<Flags>
): Command {
  return withCompanyFlags(command)
    .argument('<secret>', 'its id, key or name')
    .argument('<version>', 'the number that `secrets versions` shows', parseVersion)
    .action(async (secret: string, version: number, flags: Flags) => {
      namedCompany(io, flags)
      await confirm?.(io, { secret, version, flags })
      await withApi(io, flags, async (client) => {
        const id = await pickSecretId(client, io, { flags, secret })
        const record = await client.call(route, { params: { id, version } })
        printRecord(io, { json: flags.json ?? false, record, columns: versionColumns })
      })
    })
}

/** Reads a version number. */
export function parseVersion(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a version number.')
}
