/** What must be undone when the bench ends, last first. Fits where a helper asks for a test's teardown. */
export class UndoList {
  readonly #steps: (() => unknown)[] = []

  teardown(undo: () => unknown): void {
    this.#steps.push(undo)
  }

  /** Undoes everything once; a step that fails does not keep the others from running. */
  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        process.stderr.write(`bench: could not clean up: ${error instanceof Error ? error.message : error}\n`)
      }
    }
  }
}
