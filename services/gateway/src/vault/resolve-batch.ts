import { type ResolveItem, resolveBatch } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { problemOfReply } from './hop-problem.js'
import { createFrameReader, type FrameReader, type ResolveFrame, splitFrames } from './resolve-frames.js'
import type { HopReply, SecretsHop } from './secrets-hop.js'
import type { SlowResolves } from './slow-resolves.js'

/** What becomes of one item: known with its batch, or, where a provider is waited for, later. */
export type ResolveOutcome = ResolveFrame | Promise<ResolveFrame> | Error

/** The event is committed or refused within a second; the rest is for opening and the way. */
const resolveMsMax = 5_000
/** Counted from when all the others were answered: the provider's 20 s, a failure's record (3 s), and the way. */
const providerMsMax = 25_000

interface Waiter {
  resolve: (frame: ResolveFrame) => void
  reject: (error: Error) => void
}

/** Sends one batch; settles as soon as nothing but providers is waited for. Never rejects. */
export function sendBatch(
  { hop, slow }: { hop: SecretsHop; slow: SlowResolves },
  items: readonly ResolveItem[]
): Promise<readonly ResolveOutcome[]> {
  return new Promise((settle) => {
    const ids = items.map(({ resolveId }) => resolveId)
    const parts = new BatchParts(ids, { slow, settle })
    hop
      .sendAsGateway({
        route: resolveBatch,
        body: JSON.stringify({ items }),
        deadlineMs: resolveMsMax,
        parts: { take: (piece) => parts.take(piece), laterMs: providerMsMax }
      })
      .then(
        (reply) => (parts.hasBegun ? parts.end() : settle(outcomesOf(reply, ids))),
        (error: Error) => parts.fail(error)
      )
  })
}

/** A reply in one piece is used in one piece: with a fault in it, it is nobody's. */
function outcomesOf(reply: HopReply, ids: readonly string[]): ResolveOutcome[] {
  if (reply.status !== 200) return ids.map(() => refusedBatch(problemOfReply(reply)))
  try {
    return splitFrames(reply.body, ids)
  } catch {
    return ids.map(badFrames)
  }
}

/** A whole batch may be refused because the other side is busy or cannot record; other refusals are our fault. */
function refusedBatch(problem: AppError): AppError {
  return problem.status === 503
    ? problem
    : new AppError('secrets_unavailable', { context: { hop: 'batch_refused', code: problem.code } })
}

function badFrames(): AppError {
  return new AppError('secrets_unavailable', { context: { hop: 'bad_frames' } })
}

/** A reply that comes in parts. What has its frame keeps it; only what has none is lost with the rest of the reply. */
class BatchParts {
  hasBegun = false
  readonly #ids: readonly string[]
  readonly #slow: SlowResolves
  readonly #settle: (outcomes: ResolveOutcome[]) => void
  readonly #reader: FrameReader
  readonly #frames = new Map<number, ResolveFrame>()
  readonly #waiters = new Map<number, Waiter>()
  #isSettled = false
  #leave = () => {}

  constructor(
    ids: readonly string[],
    { slow, settle }: { slow: SlowResolves; settle: (outcomes: ResolveOutcome[]) => void }
  ) {
    this.#ids = ids
    this.#slow = slow
    this.#settle = settle
    this.#reader = createFrameReader({ ids, onFrame: (index, frame) => this.#give(index, frame) })
  }

  /** Takes a piece; true once all but providers have answered. Throws to have the connection closed. */
  take(piece: Buffer): boolean {
    this.hasBegun = true
    try {
      this.#reader.push(piece)
    } catch {
      this.fail(badFrames())
      throw new RangeError('the frames are malformed')
    }
    if (!this.#isSettled && this.#reader.isAnnounced()) this.#settleFast()
    return this.#isSettled
  }

  /** All has come. */
  end(): void {
    try {
      this.#reader.end()
      this.#leave()
    } catch {
      this.fail(badFrames())
    }
  }

  /** Nothing more comes. */
  fail(error: Error): void {
    if (!this.#isSettled) {
      this.#isSettled = true
      this.#settle(this.#ids.map((_, index) => this.#frames.get(index) ?? error))
    }
    for (const { reject } of this.#waiters.values()) reject(error)
    this.#waiters.clear()
    this.#leave()
    this.#leave = () => {}
  }

  #give(index: number, frame: ResolveFrame): void {
    const waiter = this.#waiters.get(index)
    this.#waiters.delete(index)
    if (waiter === undefined) this.#frames.set(index, frame)
    else waiter.resolve(frame)
  }

  #settleFast(): void {
    const leave = this.#slow.enter(this.#ids.length - this.#frames.size)
    if (leave === null) {
      this.fail(tooManySlow())
      throw new RangeError('no room for the rest')
    }
    this.#leave = leave
    this.#isSettled = true
    this.#settle(this.#ids.map((_, index) => this.#frames.get(index) ?? this.#frameOf(index)))
    // They have theirs.
    this.#frames.clear()
  }

  #frameOf(index: number): Promise<ResolveFrame> {
    return new Promise((resolve, reject) => this.#waiters.set(index, { resolve, reject }))
  }
}

function tooManySlow(): AppError {
  const detail = 'Too many requests are waiting for a provider. Try again shortly.'
  return new AppError('overloaded', { detail, retryAfterSeconds: 1 })
}
