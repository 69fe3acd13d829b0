/** Runs `work` for each item, at most `width` at once, and gives the results in the order of the items. */
export async function inParallel<I, O>(
  width: number,
  items: readonly I[],
  work: (item: I) => Promise<O>
): Promise<O[]> {
  const results = new Array<O>(items.length)
  const left = items.entries()
  const worker = async () => {
    for (const [index, item] of left) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}
