interface Limits {
  /** How long a finding is repeated. */
  readonly keptMs: number
  /** How long whoever asks waits for a run that is under way. */
  readonly waitMsMax: number
  readonly nowMs: () => number
  /** What is said when nothing is known in time. */
  readonly stillUnknown: () => Error
}

/**
 * Makes a check that is run at most once in a while: whoever asks meanwhile gets the last finding, good or bad. All who
 * ask while it runs wait for the same run, and not for long: then the finding before it stands.
 */
export function remember(
  check: () => Promise<void>,
  { keptMs, waitMsMax, nowMs, stillUnknown }: Limits
): () => Promise<void> {
  let last: { readonly finding: Promise<void>; readonly startedMs: number } | null = null
  let former: Promise<void> | null = null
  return () => {
    if (last === null || nowMs() - last.startedMs >= keptMs) {
      const finding = check()
      // Nobody may be waiting any more when it fails; whoever asks next is told.
      finding.catch(() => {})
      former = last?.finding ?? null
      last = { finding, startedMs: nowMs() }
    }
    return within(waitMsMax, last.finding, () => former ?? Promise.reject(stillUnknown()))
  }
}

async function within(waitMsMax: number, work: Promise<void>, otherwise: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => resolve(otherwise()), waitMsMax)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
