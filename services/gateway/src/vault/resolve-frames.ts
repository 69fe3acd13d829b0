/** One frame of a resolve batch's reply: what that item's own request would have been answered with. */
export interface ResolveFrame {
  status: number
  body: Buffer
}

const newline = 0x0a
/** `<status> <bytes>`: three digits, a blank, and at most eight. */
const headBytesMax = 12
const head = /^([2-5]\d\d) (\d{1,8})$/

/**
 * Splits a framed reply into its bodies without reading them. Throws unless it is exactly `count` frames, since
 * anything else could hand one run another one's values.
 */
export function splitFrames(bytes: Buffer, count: number): ResolveFrame[] {
  const frames: ResolveFrame[] = []
  let offset = 0
  while (offset < bytes.length) {
    const end = bytes.indexOf(newline, offset)
    if (end === -1 || end - offset > headBytesMax) throw new RangeError('a frame has no head')
    const match = head.exec(bytes.toString('latin1', offset, end))
    if (match === null) throw new RangeError('the head of a frame is malformed')
    const start = end + 1
    offset = start + Number(match[2])
    if (offset > bytes.length) throw new RangeError('a frame is cut off')
    frames.push({ status: Number(match[1]), body: bytes.subarray(start, offset) })
  }
  if (frames.length !== count) throw new RangeError('there are not as many frames as items')
  return frames
}
