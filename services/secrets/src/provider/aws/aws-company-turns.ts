import { AppError } from '@paperclip/server'
import { startDeadline } from './aws-call.js'

/** Runs a read when it is its company's turn; it is told what is left of its time, in milliseconds. */
export type CompanyTurns = <T>(companyId: string, read: (leftMs: number) => Promise<T>) => Promise<T>

/** The reads of one company: those under way, and those that wait, the oldest first. */
interface Line {
  busy: number
  readonly waiting: Set<() => void>
}

/**
 * Lets each company have at most `atOnceMax` reads under way, so that one whose reads are many, or slow, leaves
 * connections for the others (T25). The rest of its reads wait for theirs, and are `overloaded` when their time is up.
 */
export function createCompanyTurns({
  atOnceMax,
  deadlineMs
}: {
  readonly atOnceMax: number
  readonly deadlineMs: number
}): CompanyTurns {
  const lines = new Map<string, Line>()

  function pass(companyId: string, line: Line): void {
    const [next] = line.waiting
    if (next !== undefined) {
      line.waiting.delete(next)
      next()
      return
    }
    line.busy -= 1
    if (line.busy === 0) lines.delete(companyId)
  }

  return async (companyId, read) => {
    const leftMs = startDeadline(deadlineMs)
    const line = lines.get(companyId) ?? { busy: 0, waiting: new Set() }
    lines.set(companyId, line)
    if (line.busy < atOnceMax) line.busy += 1
    else await turnIn(line, leftMs())
    try {
      return await read(leftMs())
    } finally {
      pass(companyId, line)
    }
  }
}

/** Whoever gives up leaves the line, so that no turn is passed to nobody. */
function turnIn({ waiting }: Line, waitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(() => {
      waiting.delete(begin)
      reject(
        new AppError('overloaded', {
          detail: 'This company reads more values at the provider than it may at the same time.',
          retryAfterSeconds: 1
        })
      )
    }, waitMs)
    waiting.add(begin)
  })
}
