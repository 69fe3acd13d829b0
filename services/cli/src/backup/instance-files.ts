import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrivateFile, type InstancePaths } from '@paperclip/instance'
import { CliError } from '../cli-error.js'

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
  for (const name of names)
    if (!(await createPrivateFile(join(to, name), await readFile(join(from, name)))))
      throw new CliError(`${join(to, name)} is there already`, { hint: 'nothing that exists is replaced' })
  return names
}

/** A key may lie elsewhere, with a link in its place: what counts is what is read through it. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const names: string[] = []
  for (const entry of entries) {
    if (passing.test(entry.name)) continue
    if (entry.isFile() || (entry.isSymbolicLink() && !(await leadsToFolder(join(folder, entry.name)))))
      names.push(entry.name)
  }
  return names
}

/** One that leads nowhere is named as a file, so that whoever reads it fails: it may be of a volume that is not mounted. */
async function leadsToFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false
  )
}
