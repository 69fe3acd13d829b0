import { changeConfigVariables, changeEnvFile, type InstancePaths } from '@paperclip/instance'
import type { Changes } from './judge-changes.js'

/** Writes changes: what is secret to `.env`, the rest to `config.json`; gives the copies made of what was there. */
export async function writeChanges(paths: InstancePaths, changes: Changes): Promise<string[]> {
  const of = (isSecret: boolean) =>
    Object.fromEntries(
      [...changes]
        .filter(([setting]) => setting.isSecret === isSecret)
        .map(([{ variable }, text]) => [variable, text])
    )
  const [open, secret] = [of(false), of(true)]
  const backups: string[] = []
  if (Object.keys(open).length > 0) backups.push(...(await changeConfigVariables(paths, open)))
  if (Object.keys(secret).length > 0) backups.push(...(await changeEnvFile(paths.env, secret)))
  return backups
}
