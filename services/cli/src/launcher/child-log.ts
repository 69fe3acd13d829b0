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
  return {
    path,
    fd: file.fd,
    lastSentences: async () => {
      const end = (await file.stat()).size
      const start = Math.max(from, end - sentenceBytesMax)
      const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
      return buffer
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.startsWith('{') && !/^\s+at /.test(line))
        .join('\n')
    },
    close: () => file.close()
  }
}
