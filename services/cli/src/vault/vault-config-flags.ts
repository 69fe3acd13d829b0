import { readFile } from 'node:fs/promises'
import {
  isCredentialName,
  type ProviderId,
  type VaultConfig,
  type VaultConfigMember,
  vaultConfigMembers
} from '@paperclip/contracts'
import type { Command } from 'commander'
import { CliError, MisuseError } from '../cli-error.js'

/** Flags by which a vault's config is given. */
export interface VaultConfigFlags {
  readonly set?: readonly string[]
  readonly configFile?: string
}

/** Adds the flags of {@link VaultConfigFlags}. */
export function withVaultConfigFlags(command: Command): Command {
  return command
    .option('--set <member=value>', 'a member of its config (repeatable)', collect)
    .option('--config-file <file>', 'its whole config as JSON')
}

/** Help on what can be set. */
export const vaultConfigHelp = `\nMembers: ${(Object.keys(vaultConfigMembers) as ProviderId[])
  .map((provider) => `\n  ${provider}: ${membersOf(provider).join(', ')}`)
  .join('')}
Credentials are none of them: the machine of the secrets service has those.`

/**
 * Gives a config: that of the file, or else `former`, with what is set. Undefined when nothing was said about it.
 * Misuse names a member that the provider does not have, never what it was set to.
 */
export async function readVaultConfig(
  flags: VaultConfigFlags,
  provider: ProviderId,
  former: VaultConfig
): Promise<VaultConfig | undefined> {
  if (flags.set === undefined && flags.configFile === undefined) return undefined
  const base = flags.configFile === undefined ? former : await readConfigFile(flags.configFile)
  const set = (flags.set ?? []).map((text) => parseSetting(provider, text))
  return Object.fromEntries(
    Object.entries({ ...base, ...Object.fromEntries(set) }).filter(([, value]) => value !== '')
  )
}

function membersOf(provider: ProviderId): readonly VaultConfigMember[] {
  const { required, optional } = vaultConfigMembers[provider]
  return [...required, ...optional]
}

function parseSetting(provider: ProviderId, text: string): [name: string, value: string | boolean] {
  const equals = text.indexOf('=')
  const name = text.slice(0, Math.max(equals, 0))
  if (!membersOf(provider).some((member) => member === name)) {
    const takesNone = isCredentialName(name) ? 'credentials are never part of a vault; ' : ''
    throw new MisuseError(
      `--set takes member=value, and the member must be one of the provider ${provider}`,
      `${takesNone}it has ${membersOf(provider).join(', ')}`
    )
  }
  const value = text.slice(equals + 1)
  return [name, name === 'backupReminderAcknowledged' && value !== '' ? value === 'true' : value]
}

async function readConfigFile(path: string): Promise<VaultConfig> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`the file given to --config-file cannot be read (${error.code})`)
  })
  try {
    const config: unknown = JSON.parse(text)
    // What is in it is the gateway's to judge.
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config
  } catch {
    // Said below, without the text.
  }
  throw new MisuseError('the file given to --config-file holds no JSON object')
}

function collect(text: string, former: readonly string[] = []): readonly string[] {
  return [...former, text]
}
