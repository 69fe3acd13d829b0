import { updateSecret } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { requireNoValue } from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { secretColumns } from '../output/views.js'
import { type CompanyFlags, namedCompany, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'

interface Flags extends CompanyFlags {
  readonly name?: string
  readonly key?: string
  readonly description?: string
  readonly clearDescription?: true
  readonly status?: 'active' | 'disabled' | 'archived'
}

/** `secrets update`. */
export function addSecretsUpdate(parent: Command, io: CliIo): void {
  const command = parent.command('update').description('change name, key, description or status')
  withCompanyFlags(command)
    .argument('<secret>', 'its id, key or name')
    .option('--name <name>', 'another name')
    .option('--key <key>', 'another key; environments that refer to the secret keep doing so')
    .option('--description <text>', 'what it is for, up to 500 characters')
    .option('--clear-description', 'remove the description')
    .addOption(
      new Option('--status <status>', 'no run gets the value of one that is not active').choices([
        'active',
        'disabled',
        'archived'
      ])
    )
    .addHelpText(
      'after',
      '\nA new value is a new version: see `paperclipai secrets rotate`.\n\nExample:\n  $ paperclipai secrets update anthropic-api-key --status disabled'
    )
    .action(async (secret: string, flags: Flags) => {
      requireNoValue([flags.name, flags.key, flags.description])
      namedCompany(io, flags)
      const body = changesOf(flags)
      await withApi(io, flags, async (client) => {
        const id = await pickSecretId(client, io, { flags, secret })
        const record = await client.call(updateSecret, { params: { id }, body })
        printRecord(io, { json: flags.json ?? false, record, columns: secretColumns })
      })
    })
}

function changesOf({ name, key, description, clearDescription, status }: Flags) {
  if (description !== undefined && clearDescription)
    throw new MisuseError('--description and --clear-description contradict each other')
  const body = {
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : { key }),
    ...(description === undefined ? {} : { description }),
    ...(clearDescription ? { description: null } : {}),
    ...(status === undefined ? {} : { status })
  }
  if (Object.keys(body).length === 0)
    throw new MisuseError(
      'nothing to change',
      'give --name, --key, --description, --clear-description or --status'
    )
  return body
}
