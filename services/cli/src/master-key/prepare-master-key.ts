import { basename } from 'node:path'
import type { GatewayClient } from '@paperclip/client'
import { getMasterKeys, type MasterKeyStatus } from '@paperclip/contracts'
import { createNextMasterKey, findMasterKeyFiles } from '@paperclip/instance'
import { CliError, MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { findInstance } from '../launcher/launch-settings.js'
import { bringsMasterKey } from '../launcher/service-environment.js'

/**
 * Makes the next master key file of the instance on this machine, and returns its path. Nothing uses it before the
 * instance is started again, and nothing is wrapped by it before a rotation.
 *
 * One at a time: refuses while the newest file is not loaded yet, holds a retired key, or a former key is not retired.
 * A start reads the two newest files, so the active key must be in the newest. The running service says which files it
 * has read; without such an instance there is nothing to prepare.
 */
export async function prepareMasterKey(io: CliIo, client: GatewayClient): Promise<string> {
  const paths = findInstance(io.env)
  if (bringsMasterKey(io.env))
    throw new MisuseError(
      'the master key is given by PAPERCLIP_SECRETS_MASTER_KEY, so its successor is yours to make',
      'set the new key there, the old one as PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS, and restart'
    )
  const status = await client.call(getMasterKeys, {})
  const newest = findMasterKeyFiles(paths)[0]
  if (newest === undefined)
    throw new CliError(`there is no master key in ${paths.secretsDir}`, {
      hint: 'prepare it on the machine of the instance'
    })
  requireLoaded(newest, status)
  const open = status.keys.filter(
    ({ state, heldBy }) => state === 'former' || (state === 'waiting' && heldBy > 0)
  )
  if (open.length > 0)
    throw new CliError(
      `a rotation is under way: ${open.map(({ id, state }) => `${id} is ${state}`).join(', ')}`,
      {
        hint: 'finish it with `paperclipai master-key rotate`, then `paperclipai master-key retire`'
      }
    )
  const made = await createNextMasterKey(paths)
  if (made === null) throw new CliError('another process has just made the new key file')
  return made
}

/**
 * Throws when the newest key file of the instance on this machine is held by no process: a rotation would have nothing
 * to do, and whoever skipped the restart would take it for done. Without such files it has nothing to say.
 */
export async function requireNewestKeyLoaded(io: CliIo, client: GatewayClient): Promise<void> {
  if (bringsMasterKey(io.env)) return
  const newest = findMasterKeyFiles(findInstance(io.env))[0]
  if (newest !== undefined) requireLoaded(newest, await client.call(getMasterKeys, {}))
}

function requireLoaded(file: string, { keys, processes }: MasterKeyStatus): void {
  const loaded = new Set(
    processes.flatMap((each) =>
      each.keys.filter(({ source }) => source === basename(file)).map(({ id }) => id)
    )
  )
  const states = keys.filter(({ id }) => loaded.has(id)).map(({ state }) => state)
  if (states.some((state) => state !== 'retired')) return
  // A rotation that was taken back leaves it so; a process that was started since does not hold what is retired.
  if (states.length > 0)
    throw new CliError(`the key in ${file} is retired`, {
      hint: 'move that file to the backups that need it, restart the instance, and repeat the command'
    })
  throw new CliError(`${file} is not loaded yet`, {
    hint: 'restart the instance, then run `paperclipai master-key rotate`; if it was restarted, that key is retired: move the file away'
  })
}
