import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One migration: its file name without `.sql`, and where it lies. */
export interface MigrationFile {
  readonly name: string
  readonly path: string
}

const filePattern = /^(\d{4}_[a-z0-9_]+)\.sql$/

/**
 * Lists the migrations of a folder in the order they run. Throws when it holds anything that is not
 * `NNNN_verb_object.sql`, or two files with one number, because the order would then be an accident.
 */
export async function listMigrations(folder: string): Promise<MigrationFile[]> {
  const files: MigrationFile[] = []
  for (const fileName of (await readdir(folder)).sort()) {
    const name = filePattern.exec(fileName)?.[1]
    if (name === undefined)
      throw new Error(`not a migration (NNNN_verb_object.sql): ${join(folder, fileName)}`)
    const previous = files.at(-1)
    if (previous && previous.name.slice(0, 4) === name.slice(0, 4)) {
      throw new Error(`two migrations have the number of ${join(folder, fileName)}`)
    }
    files.push({ name, path: join(folder, fileName) })
  }
  return files
}

/** Reads the SQL of a migration. */
export function readMigration(file: MigrationFile): Promise<string> {
  return readFile(file.path, 'utf8')
}
