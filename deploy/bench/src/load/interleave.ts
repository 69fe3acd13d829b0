/** Legs in the order yardstick, product, yardstick, product, …, yardstick. */
export interface Interleaved<Y, P> {
  readonly yardstick: readonly Y[]
  readonly product: readonly P[]
}

/**
 * Runs product legs with a yardstick leg before, between and after them, so that a machine that gets faster or
 * slower meanwhile moves both sides of a ratio.
 */
export async function interleave<Y, P>(
  rounds: number,
  runs: { yardstick: () => Promise<Y>; product: () => Promise<P> }
): Promise<Interleaved<Y, P>> {
  const yardstick = [await runs.yardstick()]
  const product: P[] = []
  for (let round = 0; round < rounds; round++) {
    product.push(await runs.product())
    yardstick.push(await runs.yardstick())
  }
  return { yardstick, product }
}

/** The median over rounds of a figure of the product over the mean of the yardstick's before and after it. */
export function medianRatio<Y, P>(
  { yardstick, product }: Interleaved<Y, P>,
  figures: { yardstick: (leg: Y) => number; product: (leg: P) => number }
): number {
  return median(
    product.map((leg, round) => {
      const [before, after] = yardstick.slice(round, round + 2).map(figures.yardstick)
      return figures.product(leg) / (((before ?? Number.NaN) + (after ?? Number.NaN)) / 2)
    })
  )
}

/** The middle value, or the mean of the two middle ones. Throws a RangeError on nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('no values, no median')
  return (lower + upper) / 2
}
