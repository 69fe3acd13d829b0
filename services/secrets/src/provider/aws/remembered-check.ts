/**
 * Makes a check that is run at most once in a while: whoever asks meanwhile gets the last finding, good or bad, and
 * all who ask while it runs wait for the same run.
 */
export function remember(
  check: () => Promise<void>,
  { keptMs, nowMs }: { keptMs: number; nowMs: () => number }
): () => Promise<void> {
  let last: { readonly finding: Promise<void>; readonly startedMs: number } | null = null
  return () => {
    if (last === null || nowMs() - last.startedMs >= keptMs) {
      const finding = check()
      // Nobody may be waiting any more when it fails; whoever asks next is told.
      finding.catch(() => {})
      last = { finding, startedMs: nowMs() }
    }
    return last.finding
  }
}
