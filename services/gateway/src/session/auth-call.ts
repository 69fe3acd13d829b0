import { AsyncLocalStorage } from 'node:async_hooks'

/** What one call into Better Auth carries beside its arguments, since its callbacks are told of no request. */
export interface AuthCall {
  /** The origins that are ours for this request: what the browser rule goes by. */
  readonly origins: ReadonlySet<string>
  /** Made before the call, so that no transaction of Better Auth's waits for it. */
  readonly passwordHash: string | null
  /** What failed under it: it answers failures with codes of its own, and tells only its log. */
  failure: unknown
}

const calls = new AsyncLocalStorage<AuthCall>()

/** Runs a call into Better Auth. */
export function duringCall<T>(call: AuthCall, work: () => Promise<T>): Promise<T> {
  return calls.run(call, work)
}

/** The call that is under way; undefined outside of one. */
export function currentCall(): AuthCall | undefined {
  return calls.getStore()
}
