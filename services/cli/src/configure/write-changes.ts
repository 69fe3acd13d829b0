import {
  changeConfigVariables,
  changeEnvFile,
  findConfigChanges,
  findEnvChanges,
  type InstancePaths,
  readConfigVariables,
  readEnvFile
} from '@paperclip/instance'
import type { Changes } from './judge-changes.js'

/** Reads what the files say of every setting, by variable; what they do not say is left out. */
export async function readSettings(paths: InstancePaths): Promise<Record<string, string>> {
  return { ...(await readConfigVariables(paths)), ...(await readEnvFile(paths.env)) }
}

/** Tells changes from what the files say already; `kept` are the variables of the latter. */
export async function splitChanges(
  paths: InstancePaths,
  wanted: Changes
): Promise<{ changes: Changes; kept: string[] }> {
  const found = {
    ...(await findConfigChanges(paths, variablesOf(wanted, { secret: false }))),
    ...(await findEnvChanges(paths.env, variablesOf(wanted, { secret: true })))
  }
  const changes = new Map([...wanted].filter(([{ variable }]) => Object.hasOwn(found, variable)))
  const kept = [...wanted.keys()].flatMap((setting) => (changes.has(setting) ? [] : [setting.variable]))
  return { changes, kept }
}

/** Writes changes: what is secret to `.env`, the rest to `config.json`; gives the copies made of what was there. */
export async function writeChanges(paths: InstancePaths, changes: Changes): Promise<string[]> {
  const open = variablesOf(changes, { secret: false })
  const secret = variablesOf(changes, { secret: true })
  const backups: string[] = []
  if (Object.keys(open).length > 0) backups.push(...(await changeConfigVariables(paths, open)))
  if (Object.keys(secret).length > 0) backups.push(...(await changeEnvFile(paths.env, secret)))
  return backups
}

function variablesOf(changes: Changes, { secret }: { secret: boolean }): Record<string, string | null> {
  return Object.fromEntries(
    [...changes]
      .filter(([{ isSecret }]) => isSecret === secret)
      .map(([{ variable }, text]) => [variable, text])
  )
}
