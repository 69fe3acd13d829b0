import { newResolveId } from '@paperclip/contracts'
import fc from 'fast-check'
import t from 'tap'
import { createFrameReader, type ResolveFrame, splitFrames } from '../src/vault/resolve-frames.js'

const [a, b] = [newResolveId(), newResolveId()]

/** What one reading gave: the frames by their item, and whether it ended well. */
function read(pieces: readonly Buffer[], ids: readonly string[]) {
  const frames = new Map<number, string>()
  const onFrame = (index: number, { status, body }: ResolveFrame) => {
    if (frames.has(index)) throw new Error('two frames of one item')
    frames.set(index, `${status} ${body.toString('latin1')}`)
  }
  const reader = createFrameReader({ ids, onFrame })
  let announcedAt = -1
  try {
    for (const [index, piece] of pieces.entries()) {
      reader.push(piece)
      if (announcedAt === -1 && reader.isAnnounced()) announcedAt = index
    }
    reader.end()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { frames, announcedAt, ok: false }
  }
  return { frames, announcedAt, ok: true }
}

const frame = (id: string, status: number, body: string) =>
  `${id} ${status} ${Buffer.byteLength(body)}\n${body}\n`

t.test('a whole reply gives each item its own, in the order of the items', (t) => {
  const reply = Buffer.from(frame(b, 422, '{"é":1}') + frame(a, 102, '') + frame(a, 200, '{}'))
  t.same(
    splitFrames(reply, [a, b]).map(({ status, body }) => [status, body.toString()]),
    [
      [200, '{}'],
      [422, '{"é":1}']
    ]
  )
  t.end()
})

t.test('a reply whose frames do not fit is given to nobody', (t) => {
  const good = frame(a, 200, '{}')
  const wrong = [
    '', '\n', '\n\n', good.slice(0, -1), good.slice(0, 20), good + good, good + frame(b, 200, '{}'), `${good}x`,
    `${good}\n`, ` ${good}`, frame(b, 200, '{}'), frame(a, 102, ''), frame(a, 102, '{}'), frame(a, 103, '{}'), frame(a, 202, ''),
    frame(a, 102, '') + frame(a, 102, '') + good, good + frame(a, 102, ''), good.toUpperCase(), `${a} 200 2 {}\n`,
    `${a} 200 3\n{}\n`, `${a} 200 1\n{}\n`, `${a} 200 02\n{}\n`, `${a} 20 2\n{}\n`, `${a} 600 2\n{}\n`,
    `${a} 200 -1\n\n`, `${a} 200 1e0\nx\n`, `${a} 200 999999999\n`, `${a} 200 3\n{\n}\n`, `${a}  200 2\n{}\n`,
    `${'x'.repeat(60)}\n`
  ] // biome-ignore format: a list reads better packed
  for (const text of wrong)
    t.throws(() => splitFrames(Buffer.from(text), [a]), RangeError, JSON.stringify(text))
  t.end()
})

t.test('what is malformed ends the reading, and what came before it stands', (t) => {
  const frames: number[] = []
  const reader = createFrameReader({ ids: [a, b], onFrame: (index) => frames.push(index) })
  t.throws(() => reader.push(Buffer.from(`${frame(b, 200, '{}')}junk\n`)), RangeError)
  t.strictSame(frames, [1])
  t.throws(() => reader.push(Buffer.from(frame(a, 200, '{}'))), RangeError)
  t.throws(() => reader.end(), RangeError)
  t.strictSame(frames, [1])
  t.end()
})

/** A reply as the secrets service may write it: some at once, the others announced and sent later, in any order. */
const replies = fc
  .array(
    fc.record({
      status: fc.constantFrom(200, 422, 503),
      body: fc.json().map((json) => JSON.stringify(JSON.parse(json))),
      isLate: fc.boolean(),
      rank: fc.nat()
    }),
    { minLength: 1, maxLength: 12 }
  )
  .map((items) => {
    const named = items.map((item) => ({ ...item, id: newResolveId() }))
    const write = (item: (typeof named)[number]) => frame(item.id, item.status, item.body)
    const byRank = named.toSorted((one, other) => one.rank - other.rank)
    const first = byRank.map((item) => (item.isLate ? frame(item.id, 102, '') : write(item))).join('')
    const rest = named.filter(({ isLate }) => isLate).map(write)
    return {
      ids: named.map(({ id }) => id),
      bytes: Buffer.from(first + rest.join('')),
      firstBytes: Buffer.byteLength(first),
      expected: named.map(({ status, body }) => `${status} ${Buffer.from(body).toString('latin1')}`)
    }
  })

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((x, y) => x - y)
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

t.test('however a reply is cut into pieces, the frames are the same', async () => {
  fc.assert(
    fc.property(
      replies,
      fc.array(fc.nat(), { maxLength: 40 }),
      ({ ids, bytes, expected, firstBytes }, places) => {
        const pieces = cut(bytes, places)
        const { frames, ok, announcedAt } = read(pieces, ids)
        const isSame = ok && expected.every((text, index) => frames.get(index) === text)
        // Announced with the very piece that completes the first part.
        const cameWith = (index: number) => Buffer.concat(pieces.slice(0, index + 1)).length
        const at = pieces.findIndex((_, index) => cameWith(index) >= firstBytes)
        return isSame && announcedAt === at
      }
    )
  )
})

t.test('byte by byte is as good as at once', async () => {
  fc.assert(
    fc.property(replies, ({ ids, bytes, expected }) => {
      const { frames, ok } = read(cut(bytes, [...bytes.keys()]), ids)
      return ok && expected.every((text, index) => frames.get(index) === text)
    }),
    { numRuns: 30 }
  )
})

/** Whether a text is what an item may see: its own, but for bytes that were changed on the way inside its own frame. */
function isOwn(text: string, own: string): boolean {
  if (text.length !== own.length) return false
  let changed = 0
  for (let at = 0; at < text.length; at++) if (text[at] !== own[at]) changed += 1
  return changed <= 1
}

t.test('a reply with a byte changed, lost, doubled or cut off gives nobody what is not his', async () => {
  const damage = fc.record({
    kind: fc.constantFrom('change', 'lose', 'double', 'end', 'swap'),
    at: fc.nat(),
    to: fc.nat({ max: 255 })
  })
  fc.assert(
    fc.property(
      replies,
      damage,
      fc.array(fc.nat(), { maxLength: 6 }),
      ({ ids, bytes, expected }, how, places) => {
        const at = how.at % bytes.length
        const [before, byte, after] = [
          bytes.subarray(0, at),
          bytes.subarray(at, at + 1),
          bytes.subarray(at + 1)
        ]
        const damaged = {
          change: () => Buffer.concat([before, Buffer.from([how.to]), after]),
          lose: () => Buffer.concat([before, after]),
          double: () => Buffer.concat([before, byte, byte, after]),
          end: () => before,
          swap: () => Buffer.concat([after, before, byte])
        }[how.kind]()
        const { frames, ok } = read(cut(damaged, places), ids)
        for (const [index, text] of frames) if (!isOwn(text, expected[index] ?? '')) return false
        // Only a byte inside a body, or of a status, can go unseen; nothing that changes the length can.
        return !ok || damaged.length === bytes.length
      }
    ),
    { numRuns: 3_000 }
  )
})
