import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrivateFile, type InstancePaths } from '@paperclip/instance'

const dirMode = 0o700
/** What configures an instance, by its name in the instance folder. */
const singleFiles = ['.env', 'config.json']
const secretsFolder = 'secrets'
/** Made beside a file while it is replaced, or while it is locked. */
const passing = /\.tmp-|\.lock$/

/** Names of the files that a backup keeps, relative to the folder of an instance, or of the copy of one. */
export async function listKeptFiles(folder: string): Promise<string[]> {
  const secrets = (await filesIn(join(folder, secretsFolder))).map((name) => join(secretsFolder, name))
  return [...(await filesIn(folder)).filter((name) => singleFiles.includes(name)), ...secrets].sort()
}

/** Copies keys and configuration of an instance into a new folder, for its owner alone. */
export async function copyKeptFiles({ instanceDir }: InstancePaths, target: string): Promise<string[]> {
  return await copyKept(instanceDir, target)
}

/** Puts the copies back where an instance has none of them; the modes that they have do not matter. */
export async function restoreKeptFiles(source: string, { instanceDir }: InstancePaths): Promise<string[]> {
  return await copyKept(source, instanceDir)
}

async function copyKept(from: string, to: string): Promise<string[]> {
  const names = await listKeptFiles(from)
  await mkdir(join(to, secretsFolder), { recursive: true, mode: dirMode })
  for (const name of names) await createPrivateFile(join(to, name), await readFile(join(from, name), 'utf8'))
  return names
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return entries.filter((entry) => entry.isFile() && !passing.test(entry.name)).map(({ name }) => name)
}
