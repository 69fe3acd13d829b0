import { existsSync } from 'node:fs'
import { createConfig } from './config-file.js'
import { completeEnvFile, type EnvEntries, readEnvFile } from './env-file.js'
import { InstanceError, systemCode } from './instance-error.js'
import {
  createAuditKey,
  createInternalKeys,
  createMasterKey,
  findMasterKeyFiles,
  makeSecret,
  requireMatchingKeys
} from './key-files.js'
import type { InstancePaths } from './paths.js'
import { makePrivateDir, tighten } from './private-file.js'

/** What onboarding did. Paths and variable names only, never a value. */
export interface Onboarded {
  /** Files created. */
  readonly created: readonly string[]
  /** Files that were there and stay as they are. */
  readonly existing: readonly string[]
  /** Variables added to `.env`. */
  readonly variablesAdded: readonly string[]
  /** Files and folders that others could read, and now cannot. */
  readonly tightened: readonly string[]
  /** Files and folders that others may be able to read, and whose mode could not be changed. */
  readonly loose: readonly string[]
}

/** Names of the generated variables in `.env`, by what they are for. */
export const generatedVariables = {
  sessionSecret: 'BETTER_AUTH_SECRET',
  runTokenSecret: 'PAPERCLIP_AGENT_JWT_SECRET',
  superuserPassword: 'PAPERCLIP_POSTGRES_PASSWORD',
  gatewayOwnerPassword: 'PAPERCLIP_GATEWAY_OWNER_DB_PASSWORD',
  gatewayPassword: 'PAPERCLIP_GATEWAY_DB_PASSWORD',
  secretsOwnerPassword: 'PAPERCLIP_SECRETS_OWNER_DB_PASSWORD',
  secretsPassword: 'PAPERCLIP_SECRETS_DB_PASSWORD'
} as const

/**
 * Creates what an instance lacks: folders, `.env`, audit and internal keys, `config.json`, and, only if the
 * caller knows that no ciphertext needs another one, the master key.
 *
 * Never replaces anything, so it may run any number of times and in several processes at once. Every
 * secret is 256 random bits of its own. Throws {@link InstanceError}.
 */
export async function onboardInstance(
  paths: InstancePaths,
  { mayCreateMasterKey }: { mayCreateMasterKey: boolean }
): Promise<Onboarded> {
  try {
    return await createMissing(paths, mayCreateMasterKey)
  } catch (error) {
    if (error instanceof InstanceError) throw error
    const code = systemCode(error) ?? 'unknown error'
    throw new InstanceError(
      `The folder ${paths.instanceDir} cannot be written (${code}): set PAPERCLIP_HOME to a folder that you may write to.`,
      { cause: error }
    )
  }
}

/**
 * Throws {@link InstanceError} where the files that are there cannot be read, or do not go together, so that what is
 * missing cannot be made to fit. Changes nothing.
 */
export async function requireMatchingFiles(paths: InstancePaths): Promise<void> {
  await readEnvFile(paths.env)
  await requireMatchingKeys(paths)
}

async function createMissing(paths: InstancePaths, mayCreateMasterKey: boolean): Promise<Onboarded> {
  await requireMatchingFiles(paths)
  for (const dir of [paths.instanceDir, paths.secretsDir, paths.logsDir]) await makePrivateDir(dir)
  const modes = await tightenAll(paths)
  const variablesAdded = await completeEnvFile(paths.env, newSecrets())
  const created = await createInternalKeys(paths)
  if (await createAuditKey(paths)) created.push(paths.auditKey)
  const mayCreate = mayCreateMasterKey && findMasterKeyFiles(paths).length === 0
  if (mayCreate && (await createMasterKey(paths))) created.push(paths.masterKey)
  if (await createConfig(paths)) created.push(paths.config)
  const files = [
    paths.internalKeys,
    paths.gatewayKey,
    paths.auditKey,
    ...findMasterKeyFiles(paths),
    paths.config
  ]
  const existing = files.filter((path) => !created.includes(path) && existsSync(path))
  return { created, existing, variablesAdded, ...modes }
}

function newSecrets(): EnvEntries {
  return Object.fromEntries(Object.values(generatedVariables).map((name) => [name, makeSecret()]))
}

async function tightenAll(paths: InstancePaths): Promise<{ tightened: string[]; loose: string[] }> {
  const { instanceDir, secretsDir, logsDir, env, auditKey, internalKeys, gatewayKey, config } = paths
  const result: { tightened: string[]; loose: string[] } = { tightened: [], loose: [] }
  const all = [
    instanceDir,
    secretsDir,
    logsDir,
    env,
    ...findMasterKeyFiles(paths),
    auditKey,
    internalKeys,
    gatewayKey,
    config
  ]
  for (const path of [...all, paths.cliAuth, paths.runtime]) {
    const outcome = await tighten(path)
    if (outcome === 'tightened' || outcome === 'loose') result[outcome].push(path)
  }
  return result
}
