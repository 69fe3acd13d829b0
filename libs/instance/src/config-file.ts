import { InstanceError } from './instance-error.js'
import { readJsonObject, toJsonText } from './json-file.js'
import type { InstancePaths } from './paths.js'
import { createPrivateFile } from './private-file.js'

/** How an instance is meant to run; the environment wins over each of these. Holds nothing secret. */
export interface InstanceConfig {
  readonly version: 1
  readonly server: { readonly deploymentMode: 'local_trusted' | 'authenticated'; readonly port: number }
  readonly secrets: { readonly port: number }
  /** Further variables of the services, by name; see `changeConfigVariables`. */
  readonly variables?: Readonly<Record<string, string>>
}

/** What a new instance gets. */
export const defaultConfig: InstanceConfig = {
  version: 1,
  server: { deploymentMode: 'local_trusted', port: 3100 },
  secrets: { port: 3200 }
}

const portMax = 65_535

/** Writes the default configuration unless there is one; true when it was written. */
export async function createConfig(paths: InstancePaths): Promise<boolean> {
  return await createPrivateFile(paths.config, toJsonText(defaultConfig))
}

/**
 * Reads `config.json`; what it does not say is the default.
 *
 * Throws {@link InstanceError} that names the first bad setting, never its value.
 */
export async function readConfig(paths: InstancePaths): Promise<InstanceConfig> {
  const found = (await readJsonObject(paths.config)) ?? {}
  const server = section(found, 'server')
  const secrets = section(found, 'secrets')
  const bad = (name: string): InstanceError =>
    new InstanceError(
      `The setting ${name} in ${paths.config} is not valid: correct it, or move the file away.`
    )
  const { version = 1 } = found
  if (typeof version === 'number' && version > 1)
    throw new InstanceError(`${paths.config} is of a newer version of paperclipai: run it with that one.`)
  if (version !== 1) throw bad('version')
  const { deploymentMode = defaultConfig.server.deploymentMode, port = defaultConfig.server.port } = server
  const { port: secretsPort = defaultConfig.secrets.port } = secrets
  if (deploymentMode !== 'local_trusted' && deploymentMode !== 'authenticated')
    throw bad('server.deploymentMode')
  if (!isPort(port)) throw bad('server.port')
  if (!isPort(secretsPort)) throw bad('secrets.port')
  const variables = section(found, 'variables')
  if (!isVariables(variables)) throw bad('variables')
  const kept = Object.keys(variables).length === 0 ? {} : { variables }
  return { version: 1, server: { deploymentMode, port }, secrets: { port: secretsPort }, ...kept }
}

function section(config: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = config[name]
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function isVariables(variables: Record<string, unknown>): variables is Record<string, string> {
  return Object.entries(variables).every(
    ([name, text]) => /^[A-Z][A-Z0-9_]*$/.test(name) && typeof text === 'string'
  )
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= portMax
}
