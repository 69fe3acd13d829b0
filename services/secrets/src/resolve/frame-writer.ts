import { Readable } from 'node:stream'
import { resolvePendingStatus } from '@paperclip/contracts'

/** A frame that is not there yet. It must never reject. */
export class LaterFrame {
  readonly resolveId: string
  readonly frame: Promise<string>

  constructor(resolveId: string, frame: Promise<string>) {
    this.resolveId = resolveId
    this.frame = frame
  }
}

/** Writes one frame (`resolveFramesMediaType` of the contracts). The body is one line: JSON escapes line ends. */
export function writeFrame(resolveId: string, status: number, body: string): string {
  return `${resolveId} ${status} ${Buffer.byteLength(body)}\n${body}\n`
}

/**
 * Writes a reply: one string when every frame is there, as nearly all are. Else a stream, which begins with those
 * that are there and announces the others, in one piece; then each follows when it is ready. What comes after the
 * caller has gone is dropped.
 */
export function writeReply(frames: readonly (string | LaterFrame)[]): string | Readable {
  const later: LaterFrame[] = []
  let ready = ''
  let announced = ''
  for (const frame of frames) {
    if (typeof frame === 'string') ready += frame
    else {
      later.push(frame)
      announced += writeFrame(frame.resolveId, resolvePendingStatus, '')
    }
  }
  return later.length === 0 ? ready : streamOf(ready + announced, later)
}

/** At most one batch's frames wait in it for a slow reader, and the server closes on one that does not read at all. */
function streamOf(first: string, later: readonly LaterFrame[]): Readable {
  const stream = new Readable({ read() {} })
  stream.push(first)
  let missing = later.length
  for (const { frame } of later)
    void frame.then((text) => {
      if (stream.destroyed) return
      stream.push(text)
      missing -= 1
      if (missing === 0) stream.push(null)
    })
  return stream
}
