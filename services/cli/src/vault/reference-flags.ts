import type { GatewayClient } from '@paperclip/client'
import { isUuid } from '@paperclip/contracts'
import type { Command } from 'commander'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import type { ValueFlags } from '../input/secret-value.js'
import type { CompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'

/** Where a value lies that is only ever read. */
export interface ReferenceFlags {
  readonly externalRef?: string
  readonly providerVersion?: string
  readonly unpin?: true
}

/** The provider vault a value is kept in or read through. */
export interface VaultFlag {
  readonly vault?: string
}

/** Adds `--vault`; `absent` says what holds without it. */
export function withVaultFlag(command: Command, absent = 'what the deployment configures'): Command {
  return command.option('--vault <vault>', `id or name of the provider vault (default: ${absent})`)
}

/** What `--vault` says. An id is not looked up: the gateway judges it anyway. */
export async function vaultMember(
  client: GatewayClient,
  io: CliIo,
  flags: VaultFlag & CompanyFlags
): Promise<{ providerConfigId?: string }> {
  const { vault } = flags
  if (vault === undefined) return {}
  return { providerConfigId: isUuid(vault) ? vault : (await pickVault(client, io, { flags, vault })).id }
}

/** What the flags of a reference say; null when there are none. Misuse beside a value. */
export function referenceMembers(
  flags: ReferenceFlags & ValueFlags
): { externalRef?: string; providerVersionRef?: string | null } | null {
  const { externalRef, providerVersion, unpin } = flags
  if (providerVersion !== undefined && unpin)
    throw new MisuseError('--provider-version and --unpin contradict each other')
  if (externalRef === undefined && providerVersion === undefined && !unpin) return null
  if (flags.valueFile !== undefined || flags.valueEnv !== undefined)
    throw new MisuseError('a value and a reference exclude each other')
  return {
    ...(externalRef === undefined ? {} : { externalRef }),
    ...(providerVersion === undefined ? {} : { providerVersionRef: providerVersion }),
    ...(unpin ? { providerVersionRef: null } : {})
  }
}
