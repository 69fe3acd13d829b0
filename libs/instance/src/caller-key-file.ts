import { InstanceError, systemCode } from './instance-error.js'
import { readJsonObject, toJsonText } from './json-file.js'
import { createPrivateFile, replaceKeepingAccess } from './private-file.js'

/** What a caller of the secrets service signs with: its own file holds this and nothing else. */
export interface CallerKey {
  readonly id: string
  readonly secret: string
}

/** Reads which key a caller's file holds; undefined when there is no file. Throws {@link InstanceError}. */
export async function readCallerKeyId(path: string): Promise<string | undefined> {
  const found = await readJsonObject(path)
  if (found === undefined) return undefined
  if (typeof found.id === 'string' && typeof found.secret === 'string') return found.id
  throw new InstanceError(`${path} holds no id and secret: it is not a caller's key file.`)
}

/** Creates a caller's file, 0600; false, and nothing changed, when there is a file of this name already. */
export async function createCallerKey(path: string, { id, secret }: CallerKey): Promise<boolean> {
  return await told(path, () => createPrivateFile(path, toJsonText({ id, secret })))
}

/** Replaces a caller's file in one step, with the owner and mode it had; creates it, 0600, when there is none. */
export async function switchCallerKey(path: string, { id, secret }: CallerKey): Promise<void> {
  const text = toJsonText({ id, secret })
  await told(path, async () => {
    if (!(await createPrivateFile(path, text))) await replaceKeepingAccess(path, text)
  })
}

async function told<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const code = systemCode(error) ?? 'unknown error'
    throw new InstanceError(`${path} cannot be written (${code}): name a file that you may write.`, {
      cause: error
    })
  }
}
