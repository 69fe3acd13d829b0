import { Socket } from 'node:net'
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { ConfigError } from './environment-config.js'

/** After this the process ends, whatever still runs. */
const drainMsMax = 4_500

export interface RunningService {
  logger: Logger
  /** Stops accepting, drains, then closes what was opened, in reverse order. */
  stop(): Promise<void>
}

/**
 * Runs a service until a signal, an uncaught error, or the end of its launcher.
 *
 * With `parentFd` the process holds a pipe from its launcher: end of file means that the launcher is gone, also
 * when it was killed, and the service stops as on SIGTERM. A start that fails leaves with exit code 1 and a sentence.
 */
export async function run(
  start: () => Promise<RunningService>,
  { parentFd, stderr }: { parentFd: number | null; stderr: NodeJS.WritableStream }
): Promise<void> {
  // Until the service runs there is nothing to drain: a launcher that is gone ends the start at once.
  let stopRunning = (): void => process.exit(1)
  if (parentFd !== null) watchParent(parentFd, () => stopRunning())
  let service: RunningService
  try {
    service = await start()
  } catch (error) {
    stderr.write(`${describeStartFailure(error)}\n`)
    process.exit(1)
  }
  const { logger, stop } = service
  // SIGHUP is for reading keys anew; whoever has keys listens to it.
  const closer = closeWithGrace({ delay: drainMsMax, logger, skip: ['SIGHUP'] }, async ({ err, signal }) => {
    if (err) logger.error({ name: err.name, frames: framesOf(err) }, 'stopping after an uncaught error')
    else logger.info({ signal: signal ?? 'parent gone' }, 'stopping')
    await stop()
    logger.flush()
  })
  stopRunning = () => void closer.close()
}

function watchParent(fd: number, onGone: () => void): void {
  // Not a file stream: its blocked read would sit in the thread pool and hold up the exit of the process.
  const pipe = new Socket({ fd, readable: true, writable: false }).unref()
  pipe.resume()
  pipe.once('close', onGone)
  // An error is followed by the close.
  pipe.once('error', () => {})
}

function framesOf(error: Error): string[] {
  return (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
}

function describeStartFailure(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (!(error instanceof Error)) return 'the service could not start'
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'the port is in use; set another one or stop what listens there'
  return error.message
}
