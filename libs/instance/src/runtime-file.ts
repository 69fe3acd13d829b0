import { rm } from 'node:fs/promises'
import { readJsonObject, toJsonText } from './json-file.js'
import type { InstancePaths } from './paths.js'
import { replacePrivateFile } from './private-file.js'

/** What the launcher says about the running instance. Holds no password. */
export interface Runtime {
  readonly version: 1
  readonly launcherPid: number
  /** ISO 8601. */
  readonly startedAt: string
  readonly gateway: RuntimeService
  readonly secrets: RuntimeService
  readonly database: RuntimeDatabase
}

/** One service of a running instance. `pid` is null while it is being restarted. */
export interface RuntimeService {
  readonly pid: number | null
  readonly port: number
  readonly url: string
}

/** The database in use. */
export interface RuntimeDatabase {
  readonly embedded: boolean
  /** `postgres://host:port/name`, without user and password. */
  readonly address: string
  readonly pid: number | null
  /** Null unless embedded. */
  readonly dataDir: string | null
}

/** Replaces `runtime.json` in one step. */
export async function writeRuntime(paths: InstancePaths, runtime: Runtime): Promise<void> {
  await replacePrivateFile(paths.runtime, toJsonText(runtime))
}

/**
 * Reads `runtime.json`; undefined when there is none or it is of another version.
 *
 * A launcher killed by force leaves it behind: whoever relies on it checks that `launcherPid` lives.
 */
export async function readRuntime(paths: InstancePaths): Promise<Runtime | undefined> {
  const found = await readJsonObject(paths.runtime).catch(() => undefined)
  return found !== undefined && isRuntime(found) ? found : undefined
}

/** Removes `runtime.json` when the launcher ends. */
export async function removeRuntime(paths: InstancePaths): Promise<void> {
  await rm(paths.runtime, { force: true })
}

function isRuntime(found: object): found is Runtime {
  if (!('version' in found) || found.version !== 1) return false
  const { launcherPid, gateway, secrets, database } = found as Record<string, unknown>
  const addresses = [member(gateway, 'url'), member(secrets, 'url'), member(database, 'address')]
  return Number.isInteger(launcherPid) && addresses.every((text) => URL.canParse(String(text)))
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
