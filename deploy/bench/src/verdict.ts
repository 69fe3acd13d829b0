import type { GoalId } from './options.js'

/** One line of the table: a figure, what it is held against, and whether that is reached. */
export interface Verdict {
  readonly goal: GoalId
  readonly what: string
  /** Absolute figures of this machine at this moment; never asserted. */
  readonly yardstick: string
  readonly product: string
  /** The figure that counts, and its unit (`×` for a ratio). */
  readonly value: number
  readonly unit: string
  readonly bound: 'at least' | 'at most'
  readonly target: number
}

/** Tells whether a target is reached. */
export function isMet({ value, bound, target }: Verdict): boolean {
  return bound === 'at least' ? value >= target : value <= target
}

/** Says `met`, or by how much the target is missed. */
export function describeOutcome(verdict: Verdict): string {
  if (isMet(verdict)) return 'met'
  const { value, target } = verdict
  const missing = target === 0 ? '' : ` (${Math.round((Math.abs(target - value) / target) * 100)} %)`
  return `missed by ${format(Math.abs(target - value))}${verdict.unit}${missing}`
}

/** Writes a figure with as many digits as mean something. */
export function format(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
