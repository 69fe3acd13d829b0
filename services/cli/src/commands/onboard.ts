import { rename } from 'node:fs/promises'
import { InstanceError, type InstancePaths, readConfig } from '@paperclip/instance'
import type { Command } from 'commander'
import { type CliIo, hint, note } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { confirmOrFail } from '../input/prompt.js'
import { findInstance } from '../launcher/launch-settings.js'
import { prepareInstance } from '../launcher/prepare-instance.js'
import { printJson, printRows } from '../output/print.js'

interface Flags {
  readonly json?: true
  readonly yes?: true
}

/** `onboard`. */
export function addOnboard(parent: Command, io: CliIo): void {
  parent
    .command('onboard')
    .description('make what an instance needs: folders, keys, configuration; never replaces anything')
    .option('-y, --yes', 'do not ask (nothing is asked without a terminal)')
    .option('--json', 'print JSON on stdout')
    .addHelpText(
      'after',
      `
May be run any number of times. Files are for their owner alone (0600). The master key is made only when no
stored value needs another one. Honours PAPERCLIP_HOME and PAPERCLIP_INSTANCE_ID.

Example:
  $ PAPERCLIP_HOME=~/secrets paperclipai onboard --yes`
    )
    .action(async (flags: Flags) => await onboard(io, flags))
}

async function onboard(io: CliIo, flags: Flags): Promise<void> {
  const paths = findInstance(io.env)
  const mayAsk = io.stdin.isTTY && !flags.yes
  if (mayAsk) await confirmOrFail(io, `Make what is missing in ${paths.instanceDir}?`)
  await requireReadableConfig(io, paths)
  const prepared = await prepareInstance(await settledEnvironment(io.env))
  const { created, existing, variablesAdded, tightened, loose, masterKey } = prepared
  const kept = existing.filter((path) => !created.includes(path))
  for (const path of loose) note(io, `others can read ${path}, and its mode could not be changed`)
  if (flags.json) {
    const { instanceDir } = paths
    printJson(io, { instanceDir, created, existing: kept, variablesAdded, tightened, loose, masterKey })
  } else {
    const rows = [
      ...created.map((path) => ['created', path] as const),
      ...kept.map((path) => ['kept', path] as const),
      ...variablesAdded.map((name) => ['created', `${name} in ${paths.env}`] as const),
      ...tightened.map((path) => ['closed to others', path] as const)
    ]
    printRows(io, {
      json: false,
      rows,
      columns: [
        ['what', ([what]) => what],
        ['where', ([, where]) => where]
      ]
    })
  }
  hint(io, 'back up this folder; `paperclipai run` starts the instance')
}

/**
 * An unreadable configuration is not ours to replace: without a terminal the command fails and leaves it; on
 * one it is moved aside if the person agrees.
 */
async function requireReadableConfig(io: CliIo, paths: InstancePaths): Promise<void> {
  try {
    await readConfig(paths)
  } catch (error) {
    if (!(error instanceof InstanceError) || !io.stdin.isTTY) throw error
    note(io, error.message)
    const aside = `${paths.config}.bak-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
    await confirmOrFail(io, `Move it to ${aside} and write the default?`)
    await rename(paths.config, aside)
  }
}
