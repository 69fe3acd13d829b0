import { rotateSecret } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { parseVersion } from '../change/change-version.js'
import { type CliIo, note } from '../cli-io.js'
import { readSecretValue, type ValueFlags, valueHelp, withValueFlags } from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { secretColumns } from '../output/views.js'
import { type CompanyFlags, namedCompany, withCompanyFlags } from '../pick/pick-company.js'
import { pickSecretId } from '../pick/pick-secret-id.js'
import {
  type ReferenceFlags,
  referenceMembers,
  type VaultFlag,
  vaultMember,
  withVaultFlag
} from '../vault/reference-flags.js'

interface Flags extends CompanyFlags, ValueFlags, ReferenceFlags, VaultFlag {
  readonly expectVersion?: number
}

/** `secrets rotate`. */
export function addSecretsRotate(parent: Command, io: CliIo): void {
  const command = parent.command('rotate').description('add a version; `latest` means it from then on')
  withVaultFlag(withValueFlags(withCompanyFlags(command)), 'where the secret is now')
    .argument('<secret>', 'its id, key or name')
    .option('--external-ref <ref>', 'for a linked secret, instead of a value: where it lies from now on')
    .option('--provider-version <ref>', 'for a linked secret: pin this version of the provider')
    .option('--unpin', 'for a linked secret: follow what is current at the provider')
    .option('--expect-version <n>', 'fail unless this is the latest version now', parseVersion)
    .addHelpText(
      'after',
      `${valueHelp}

Examples:
  $ printf %s "$NEW_KEY" | paperclipai secrets rotate anthropic-api-key --expect-version 1
  $ paperclipai secrets rotate stripe-key --external-ref prod/stripe-2`
    )
    .action(async (secret: string, flags: Flags) => {
      namedCompany(io, flags)
      const material = referenceMembers(flags) ?? {
        value: await readSecretValue(io, flags, `New value of ${secret}`)
      }
      const expected = flags.expectVersion === undefined ? {} : { expectedLatestVersion: flags.expectVersion }
      await withApi(io, flags, async (client) => {
        const id = await pickSecretId(client, io, { flags, secret })
        const body = { ...material, ...(await vaultMember(client, io, flags)), ...expected }
        const record = await client.call(rotateSecret, { params: { id }, body })
        for (const warning of record.warnings ?? []) note(io, `warning: ${warning}`)
        printRecord(io, { json: flags.json ?? false, record, columns: secretColumns })
      })
    })
}
