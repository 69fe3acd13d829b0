import { createPrivateFile } from './private-file.js'

/** Keeps a copy of what a file held beside it, for its owner alone, under the time; gives its path. */
export async function keepCopy(path: string, content: string): Promise<string> {
  const base = `${path}.bak-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
  for (let attempt = 0; ; attempt++) {
    const copy = attempt === 0 ? base : `${base}-${attempt}`
    if (await createPrivateFile(copy, content)) return copy
  }
}
