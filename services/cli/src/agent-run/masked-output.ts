import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type Redaction, redactionStream } from '@paperclip/client'
import type { CliIo } from '../cli-io.js'

/** A process that the command left behind may keep its output open: after the end this long without any is enough. */
const drainIdleMs = 1_000

/** The output of one command on its way through the mask. */
export interface MaskedOutput {
  /** Takes over the command's stdout and stderr, which must be pipes. */
  attach(child: ChildProcess): void
  /** After the command's end: resolves when all that it wrote is through. */
  drained(): Promise<void>
  /** Gives stdout and stderr back. */
  close(): void
}

/**
 * Masks a command's output. Whoever stops reading ours (`| head`) makes the command's next write fail, as if it had
 * written there itself.
 */
export function maskOutput(io: CliIo, redaction: Redaction): MaskedOutput {
  const ways: Way[] = []
  return {
    attach(child) {
      if (child.stdout !== null) ways.push(openWay(child.stdout, io.stdout, redaction))
      if (child.stderr !== null) ways.push(openWay(child.stderr, io.stderr, redaction))
    },
    async drained() {
      await Promise.all(ways.map((way) => way.drained()))
    },
    close() {
      for (const way of ways) way.close()
    }
  }
}

type Way = Pick<MaskedOutput, 'drained' | 'close'>

function openWay(source: Readable, target: Writable, redaction: Redaction): Way {
  const masked = redactionStream(redaction)
  const ended = finished(masked).catch(() => {})
  const stop = () => {
    source.destroy()
    masked.destroy()
  }
  // The program's own handler would leave at once, without waiting for the command or closing its run.
  const handlers = target.listeners('error')
  target.removeAllListeners('error')
  target.on('error', stop)
  // Whatever a pipe fails with, no more comes of it.
  source.on('error', () => masked.end())
  source.pipe(masked).pipe(target, { end: false })
  return {
    async drained() {
      let timer: NodeJS.Timeout | undefined
      const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(giveUp, drainIdleMs)
      }
      const giveUp = () => {
        // A slow reader of ours is no silence of the command.
        if (target.writableNeedDrain || masked.readableLength > 0) return wait()
        source.unpipe(masked)
        source.destroy()
        masked.end()
      }
      source.on('data', wait)
      wait()
      await ended
      clearTimeout(timer)
    },
    close() {
      stop()
      target.off('error', stop)
      for (const handler of handlers) target.on('error', handler as (error: Error) => void)
    }
  }
}
