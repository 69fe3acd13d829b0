import { open, readFile } from 'node:fs/promises'

const logFileMode = 0o600

/** Where the server writes: an open descriptor, and the path when one is known. */
export interface ServerLog {
  readonly fd: number
  readonly path: string | undefined
  /** Closes what was opened here; a descriptor handed in stays open. */
  close(): Promise<void>
}

/** Opens a log for appending; a number is a descriptor that the caller keeps. */
export async function openServerLog(log: string | number): Promise<ServerLog> {
  if (typeof log === 'number') return { fd: log, path: undefined, close: async () => undefined }
  const file = await open(log, 'a', logFileMode)
  return { fd: file.fd, path: log, close: () => file.close() }
}

/** The server's own last complaint, to put into an error; empty when the log is not ours to read. */
export async function lastComplaint(log: ServerLog): Promise<string> {
  if (log.path === undefined) return ''
  const text = await readFile(log.path, 'utf8').catch(() => '')
  const line = text.split('\n').findLast((each) => /FATAL|PANIC|error/.test(each))
  const complaint = line?.replace(/^.*?(FATAL|PANIC|error):\s*/, '') ?? ''
  return `${complaint === '' ? '' : ` It said: ${complaint}.`} Its log is ${log.path}.`
}
