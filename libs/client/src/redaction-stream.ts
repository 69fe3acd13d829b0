import { Transform, type TransformCallback } from 'node:stream'
import type { Redaction } from './redactor.js'

/** Output that pauses for this long waits for somebody, who should see all of it. */
const idleMsDefault = 200

/**
 * Makes a stream that masks what passes through it. Chunks are passed on as they come: only the beginning of a value
 * is held back, and when no more comes for `idleMs` it is shown as the mask (see `Redactor.release`).
 *
 * ```ts
 * const redaction = redactionOf([secret])
 * child.stdout.pipe(redactionStream(redaction)).pipe(process.stdout)
 * child.stderr.pipe(redactionStream(redaction)).pipe(process.stderr)
 * ```
 */
export function redactionStream(
  redaction: Redaction,
  { idleMs = idleMsDefault }: { idleMs?: number } = {}
): Transform {
  const redactor = redaction.createRedactor()
  let timer: NodeJS.Timeout | undefined
  const stream = new Transform({
    transform(chunk: Uint8Array, _encoding, done: TransformCallback) {
      clearTimeout(timer)
      pass(redactor.push(chunk))
      if (redactor.heldBytes > 0) timer = setTimeout(() => pass(redactor.release()), idleMs)
      done()
    },
    flush(done) {
      clearTimeout(timer)
      pass(redactor.end())
      done()
    },
    destroy(error, done) {
      clearTimeout(timer)
      done(error)
    }
  })
  const pass = (bytes: Buffer) => {
    if (bytes.length > 0) stream.push(bytes)
  }
  return stream
}
