import { limits } from './limits.js'

/** Makes a key out of a name: lower case, runs of other characters to `-`, trimmed, cut. Empty when nothing is left. */
export function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, limits.keyCharsMax + 1)
    .replace(/^-/, '')
    .slice(0, limits.keyCharsMax)
    .replace(/-$/, '')
}
