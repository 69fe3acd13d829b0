import { readdir, readFile } from 'node:fs/promises'
import { repositoryRoot } from './repository-root.js'

/** Lists the folders of all npm workspaces, relative to the root, in the order of `package.json`. */
export async function findWorkspaces(): Promise<string[]> {
  const text = await readFile(`${repositoryRoot}package.json`, 'utf8')
  const { workspaces } = JSON.parse(text) as { workspaces: string[] }
  const found: string[] = []
  for (const pattern of workspaces) {
    const parent = pattern.replace(/\/\*$/, '')
    const names = pattern === parent ? [''] : (await readdir(`${repositoryRoot}${parent}`)).sort()
    for (const name of names) {
      const path = name === '' ? parent : `${parent}/${name}`
      const files = await readdir(`${repositoryRoot}${path}`).catch((): string[] => [])
      if (files.includes('package.json')) found.push(path)
    }
  }
  return found
}
