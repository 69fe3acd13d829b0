import { readdir, readFile } from 'node:fs/promises'
import { repositoryRoot } from '@paperclip/testing'

/** A file of the repository: its path from the root, with forward slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

const skipped = new Set(['node_modules', 'dist', '.git', '.tap'])

/** Reads every file under a folder of the repository whose name ends in one of `extensions`. */
export async function readSources(folder: string, extensions: readonly string[]): Promise<SourceFile[]> {
  const paths = (await listFiles(folder)).filter((path) => extensions.some((end) => path.endsWith(end)))
  return Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(`${repositoryRoot}${path}`, 'utf8') }))
  )
}

/** Lists every file under a folder of the repository, but for what tools put there. */
export async function listFiles(folder: string): Promise<string[]> {
  const found: string[] = []
  const entries = await readdir(`${repositoryRoot}${folder}`, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory() && !skipped.has(entry.name)) found.push(...(await listFiles(path)))
    if (entry.isFile()) found.push(path)
  }
  return found
}

/** Removes block and line comments, so that prose is not read as code. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** Lists the modules a TypeScript text imports or re-exports, static and dynamic. */
export function importsOf(text: string): string[] {
  const statements = /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*'([^'\n]+)'/g
  const dynamic = /\bimport\('([^'\n]+)'\)/g
  const code = withoutComments(text)
  return [...code.matchAll(statements), ...code.matchAll(dynamic)].map((match) => match[1] ?? '')
}
