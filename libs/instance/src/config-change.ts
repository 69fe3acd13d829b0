import { readFile } from 'node:fs/promises'
import { readConfig } from './config-file.js'
import { keepCopy } from './file-copy.js'
import { withFileLock } from './file-lock.js'
import { systemCode } from './instance-error.js'
import { readJsonObject, toJsonText } from './json-file.js'
import type { InstancePaths } from './paths.js'
import { makePrivateDir, replacePrivateFile } from './private-file.js'

/** Variables that the configuration has a place of their own for. */
const places: Readonly<Record<string, readonly [section: string, member: string, isNumber: boolean]>> = {
  PAPERCLIP_DEPLOYMENT_MODE: ['server', 'deploymentMode', false],
  PORT: ['server', 'port', true],
  PAPERCLIP_SECRETS_PORT: ['secrets', 'port', true]
}

/**
 * Reads what `config.json` itself says, by variable: defaults are not in it. Throws {@link InstanceError} when the file is
 * not valid.
 */
export async function readConfigVariables(paths: InstancePaths): Promise<Record<string, string>> {
  const { variables = {} } = await readConfig(paths)
  const config = (await readJsonObject(paths.config)) ?? {}
  const placed = Object.keys(places).flatMap((name): [string, string][] => {
    const said = saidOf(config, name)
    return said === undefined ? [] : [[name, String(said)]]
  })
  return { ...variables, ...Object.fromEntries(placed) }
}

/**
 * Picks what {@link changeConfigVariables} would change: not what `config.json` says already. Writes nothing. Throws
 * {@link InstanceError} when the file is not valid.
 */
export async function findConfigChanges(
  paths: InstancePaths,
  wanted: Readonly<Record<string, string | null>>
): Promise<Record<string, string | null>> {
  await readConfig(paths)
  const config: Record<string, unknown> = (await readJsonObject(paths.config)) ?? {}
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, text]) => {
      const [, , isNumber] = placeOf(name)
      return saidOf(config, name) !== (text === null ? undefined : isNumber ? Number(text) : text)
    })
  )
}

/**
 * Sets variables in `config.json`, or takes them out (null); everything else in it stays. In one step, one process at a
 * time; gives the path of the copy of what was there, if there was anything.
 *
 * None of them may be secret. Throws {@link InstanceError}, and changes nothing, when the file is not valid.
 */
export async function changeConfigVariables(
  paths: InstancePaths,
  changes: Readonly<Record<string, string | null>>
): Promise<string[]> {
  await makePrivateDir(paths.instanceDir)
  return await withFileLock(`${paths.config}.lock`, async () => {
    await readConfig(paths)
    const config: Record<string, unknown> = { version: 1, ...(await readJsonObject(paths.config)) }
    for (const [name, text] of Object.entries(changes)) change(config, name, text)
    const before = await readFile(paths.config, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    })
    const copies = before === undefined ? [] : [await keepCopy(paths.config, before)]
    await replacePrivateFile(paths.config, toJsonText(config))
    return copies
  })
}

function saidOf(config: Record<string, unknown>, name: string): unknown {
  const [section, member] = placeOf(name)
  return (config[section] as Record<string, unknown> | undefined)?.[member]
}

function placeOf(name: string): readonly [section: string, member: string, isNumber: boolean] {
  return places[name] ?? ['variables', name, false]
}

function change(config: Record<string, unknown>, name: string, text: string | null): void {
  const [section, member, isNumber] = placeOf(name)
  const members: Record<string, unknown> = { ...(config[section] as object | undefined) }
  if (text === null) delete members[member]
  else members[member] = isNumber ? Number(text) : text
  config[section] = members
}
