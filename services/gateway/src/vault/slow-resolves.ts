/** Room for resolves that wait for a provider: they hold a connection of the hop, and memory here. */
export interface SlowResolves {
  /** Takes room for the items of one streamed reply, or gives null when there is none; call what it gives once, after. */
  enter(items: number): (() => void) | null
}

/** Makes the room of one process. */
export function createSlowResolves({
  repliesMax,
  itemsMax
}: {
  repliesMax: number
  itemsMax: number
}): SlowResolves {
  let replies = 0
  let waiting = 0
  return {
    enter(items) {
      if (replies >= repliesMax || waiting + items > itemsMax) return null
      replies += 1
      waiting += items
      return () => {
        replies -= 1
        waiting -= items
      }
    }
  }
}
