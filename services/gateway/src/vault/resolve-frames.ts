import { resolvePendingStatus } from '@paperclip/contracts'

/** One frame of a resolve batch's reply: what that item's own request would have been answered with. */
export interface ResolveFrame {
  status: number
  body: Buffer
}

/** Reads the reply of one batch, in pieces of any size. */
export interface FrameReader {
  /** Takes a piece. Throws a RangeError when what came is not exactly in form; nothing more is taken then. */
  push(piece: Buffer): void
  /** Whether every item has its frame, or the announcement of a later one. */
  isAnnounced(): boolean
  /** Throws a RangeError unless every item has its frame, and nothing else came. */
  end(): void
}

interface FrameReaderOptions {
  /** The resolve ids of the batch: each gets one frame. */
  ids: readonly string[]
  onFrame: (index: number, frame: ResolveFrame) => void
}

const newline = 0x0a
/** A resolve id, a status of three digits, a length of at most eight, and what is between them. */
const headBytesMax = 36 + 1 + 3 + 1 + 8
const head = /^([0-9a-f-]{36}) ([1-5]\d\d) (0|[1-9]\d{0,7})$/
const answerStatusMin = 200
const lineEndBytes = 1

type State = 'missing' | 'announced' | 'framed'

/**
 * Makes a reader of frames (`resolveFramesMediaType` of the contracts). It looks into no body. What does not agree in
 * every way is refused, since anything else could hand one run another one's values: a frame names its item by an id
 * that nobody else has, its length must end at a line end, and there is no other line end inside.
 */
export function createFrameReader({ ids, onFrame }: FrameReaderOptions): FrameReader {
  const indexes = new Map(ids.map((id, index) => [id, index]))
  const states: State[] = ids.map(() => 'missing')
  let missing = ids.length
  let unframed = ids.length
  /** What has come and is not read yet, and how much of it there must be before reading on makes sense. */
  let pieces: Buffer[] = []
  let bytes = 0
  let bytesNeeded = 1
  let isBroken = false

  function push(piece: Buffer): void {
    if (isBroken) throw new RangeError('an earlier frame was malformed')
    pieces.push(piece)
    bytes += piece.length
    if (bytes < bytesNeeded) return
    const all = pieces.length === 1 ? piece : Buffer.concat(pieces, bytes)
    // Until it is known that this went well.
    isBroken = true
    const rest = all.subarray(readFrames(all))
    isBroken = false
    pieces = rest.length === 0 ? [] : [rest]
    bytes = rest.length
  }

  /** Reads every whole frame; gives where the rest begins. */
  function readFrames(all: Buffer): number {
    let offset = 0
    for (;;) {
      bytesNeeded = all.length - offset + 1
      if (offset === all.length) return offset
      const end = all.subarray(offset, offset + headBytesMax + 1).indexOf(newline)
      if (end === -1) {
        if (all.length - offset > headBytesMax) throw new RangeError('a frame has no head')
        return offset
      }
      const start = offset + end + 1
      const { index, status, length } = readHead(all.toString('latin1', offset, start - 1))
      bytesNeeded = start - offset + length + lineEndBytes
      if (all.length - offset < bytesNeeded) return offset
      const stop = start + length
      if (all.indexOf(newline, start) !== stop) throw new RangeError('a frame does not end where it says')
      settle(index, { status, body: all.subarray(start, stop) })
      offset = stop + lineEndBytes
    }
  }

  function readHead(text: string): { index: number; status: number; length: number } {
    const match = head.exec(text)
    if (match === null) throw new RangeError('the head of a frame is malformed')
    const [, id = '', status, length] = match
    const index = indexes.get(id)
    if (index === undefined) throw new RangeError('a frame belongs to no item')
    return { index, status: Number(status), length: Number(length) }
  }

  function settle(index: number, frame: ResolveFrame): void {
    const isAnnouncement = frame.status === resolvePendingStatus && frame.body.length === 0
    if (!isAnnouncement && frame.status < answerStatusMin) throw new RangeError('a frame has no final status')
    // Or an announcement whose status was damaged would be the answer.
    if (!isAnnouncement && frame.body.length === 0) throw new RangeError('an answer says nothing')
    if (states[index] === 'framed' || (isAnnouncement && states[index] === 'announced'))
      throw new RangeError('an item has more than its frame')
    if (states[index] === 'missing') missing -= 1
    states[index] = isAnnouncement ? 'announced' : 'framed'
    if (isAnnouncement) return
    unframed -= 1
    onFrame(index, frame)
  }

  return {
    push,
    isAnnounced: () => missing === 0,
    end() {
      if (isBroken || bytes > 0 || unframed > 0) throw new RangeError('there are not as many frames as items')
    }
  }
}

/** Splits a reply that came as a whole into the frames of its items, in their order. Throws as the reader does. */
export function splitFrames(reply: Buffer, ids: readonly string[]): ResolveFrame[] {
  const frames: ResolveFrame[] = []
  const reader = createFrameReader({
    ids,
    onFrame: (index, frame) => {
      frames[index] = frame
    }
  })
  reader.push(reply)
  reader.end()
  return frames
}
