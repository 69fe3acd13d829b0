import { realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readRuntime } from '@paperclip/instance'
import { isAlive } from '../api/api-address.js'
import { type CliIo, envText } from '../cli-io.js'
import { findInstance } from '../launcher/launch-settings.js'
import { gatewayCaller } from './key-rules.js'

/** Where the keys of a deployment lie, and who reads them. */
export interface KeyPlace {
  /** The list that the secrets service verifies with. */
  readonly keysFile: string
  /** The secrets service of this machine that reads it; null when none runs, or it runs elsewhere. */
  readonly origin: string | null
  /** Where a caller's own file lies unless told otherwise: beside the list. */
  callerFile(caller: string): string
}

/** Finds it: `--keys-file`, PAPERCLIP_INTERNAL_KEYS_FILE, the instance. */
export async function findKeyPlace(io: CliIo, { keysFile }: { keysFile?: string }): Promise<KeyPlace> {
  const paths = findInstance(io.env)
  const file = resolve(keysFile ?? envText(io, 'PAPERCLIP_INTERNAL_KEYS_FILE') ?? paths.internalKeys)
  const gatewayFile = envText(io, 'PAPERCLIP_GATEWAY_KEY_FILE')
  const ofInstance = await isSame(file, paths.internalKeys)
  const runtime = ofInstance ? await readRuntime(paths) : undefined
  return {
    keysFile: file,
    origin: runtime !== undefined && isAlive(runtime.launcherPid) ? runtime.secrets.url : null,
    callerFile: (caller) =>
      caller === gatewayCaller && gatewayFile !== undefined
        ? resolve(gatewayFile)
        : join(dirname(file), `${caller}-key.json`)
  }
}

async function isSame(left: string, right: string): Promise<boolean> {
  const real = (path: string) => realpath(path).catch(() => path)
  return (await real(left)) === (await real(right))
}
