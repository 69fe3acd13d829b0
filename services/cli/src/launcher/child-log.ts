import { open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'

const logFileMode = 0o600
/** A log this large is set aside when the launcher starts; one older one is kept. */
const logBytesMax = 16 * 1024 * 1024
const sentenceBytesMax = 8 * 1024

/** A log file that children write to. */
export interface ChildLog {
  readonly path: string
  readonly fd: number
  /** What was written since it was opened that is meant for a person, that is, is not a JSON line. */
  lastSentences(): Promise<string>
  /** The message of the last JSON line since it was opened that this matches. */
  findMessage(pattern: RegExp): Promise<string | undefined>
  close(): Promise<void>
}

/** Opens `<name>.log` for appending. */
export async function openChildLog(logsDir: string, name: string): Promise<ChildLog> {
  const path = join(logsDir, `${name}.log`)
  const size = await stat(path).then(
    (found) => found.size,
    () => 0
  )
  if (size > logBytesMax) await rename(path, `${path}.1`)
  const file = await open(path, 'a+', logFileMode)
  const from = size > logBytesMax ? 0 : size
  const readSince = async (start: number): Promise<string[]> => {
    const end = (await file.stat()).size
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
    return buffer.toString('utf8').split('\n')
  }
  return {
    path,
    fd: file.fd,
    lastSentences: async () => {
      const lines = await readSince(Math.max(from, (await file.stat()).size - sentenceBytesMax))
      return lines
        .filter((line) => line.trim() !== '' && !line.startsWith('{') && !/^\s+at /.test(line))
        .join('\n')
    },
    findMessage: async (pattern) => {
      const line = (await readSince(from)).findLast((each) => each.endsWith('}') && pattern.test(each))
      return line === undefined ? undefined : (JSON.parse(line) as { msg: string }).msg
    },
    close: () => file.close()
  }
}
