import { isUuid } from '@paperclip/contracts'
import type { Command } from 'commander'
import { MisuseError } from './cli-error.js'
import type { ValueFlags } from './secret-value.js'

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

/** Adds `--vault`. */
export function withVaultFlag(command: Command): Command {
  return command.option('--vault <id>', 'the provider vault (default: what the deployment configures)')
}

/** What `--vault` says. Misuse when it is not an id. */
export function vaultMember({ vault }: VaultFlag): { providerConfigId?: string } {
  if (vault === undefined) return {}
  if (!isUuid(vault)) throw new MisuseError('--vault is not an id')
  return { providerConfigId: vault }
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
