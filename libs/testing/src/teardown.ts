/** The part of a tap test that helpers need: a place to say what must be undone when it ends. */
export interface Teardown {
  teardown(undo: () => unknown): unknown
}
