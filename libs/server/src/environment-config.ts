import { readFileSync } from 'node:fs'
import type { Static, TObject } from 'typebox'
import { Value } from 'typebox/value'
import { SecretValue } from './secret-value.js'

/** A start that cannot go on; every fault is a sentence that names its variable, never its value. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`configuration is not valid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Keeps the secret members of a parsed environment apart from those that may be printed. */
export interface ParsedEnvironment<T extends TObject, K extends string> {
  config: Omit<Static<T>, K>
  secrets: Record<K, SecretValue | null>
  faults: string[]
}

/**
 * Reads the variables that a schema names. Blank counts as unset; a secret may come as `NAME` or as the file
 * `NAME_FILE`, not both. The file of a `…_PREVIOUS` may be empty, which counts as unset too. Faults are collected, so
 * that a start names all of them at once.
 */
export function parseEnvironment<T extends TObject, const K extends string>(
  schema: T,
  secretNames: readonly K[],
  env: NodeJS.ProcessEnv
): ParsedEnvironment<T, K> {
  const faults: string[] = []
  const raw: Record<string, unknown> = {}
  for (const name of Object.keys(schema.properties)) {
    const text = env[name]
    if (text !== undefined && text.trim() !== '') raw[name] = text.trim()
  }
  const secrets = {} as Record<K, SecretValue | null>
  for (const name of secretNames) {
    const text = readSecret(name, env, faults)
    secrets[name] = text === null ? null : new SecretValue(text)
    delete raw[name]
  }
  const completed = Value.Convert(schema, Value.Default(schema, raw))
  for (const error of Value.Errors(schema, completed)) {
    const name = error.instancePath.slice(1) || missingName(error)
    if (!secretNames.includes(name as K)) faults.push(`${name || 'environment'} ${error.message}`)
  }
  return { config: Object.freeze(completed) as Omit<Static<T>, K>, secrets: Object.freeze(secrets), faults }
}

/**
 * Reads the database that a migration connects to: `DATABASE_MIGRATION_URL`, else `DATABASE_URL`, each also as
 * `_FILE`. Throws {@link ConfigError}.
 */
export function readMigrationUrl(env: NodeJS.ProcessEnv): string {
  const faults: string[] = []
  const url = readSecret('DATABASE_MIGRATION_URL', env, faults) ?? readSecret('DATABASE_URL', env, faults)
  if (url === null && faults.length === 0)
    faults.push('DATABASE_MIGRATION_URL or DATABASE_URL is not set: name the database to migrate')
  if (url === null || faults.length > 0) throw new ConfigError(faults)
  return url
}

function readSecret(name: string, env: NodeJS.ProcessEnv, faults: string[]): string | null {
  const text = env[name]?.trim() ?? ''
  const path = env[`${name}_FILE`]?.trim() ?? ''
  if (text !== '') {
    if (path !== '') faults.push(`${name} and ${name}_FILE are both set; keep one`)
    return text
  }
  if (path === '') return null
  try {
    const content = readFileSync(path, 'utf8').trim()
    // A mount is there also while there is nothing to be mounted.
    if (content !== '' || name.endsWith('_PREVIOUS')) return content || null
    faults.push(`${name}_FILE names an empty file`)
  } catch (error) {
    faults.push(`${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  return null
}

function missingName(error: { params: unknown }): string {
  const { requiredProperties } = error.params as { requiredProperties?: string[] }
  return requiredProperties?.join(', ') ?? ''
}
