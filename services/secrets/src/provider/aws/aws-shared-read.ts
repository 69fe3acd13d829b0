import type { AwsValue } from './aws-values.js'

/** A version that never changes: without an id, an answer in flight could be older than a write since. */
interface FixedVersion {
  /** Each company waits for its own turn (`createCompanyTurns`), so none waits for a call of another's. */
  readonly companyId: string
  readonly secretId: string
  readonly versionId: string
  readonly deadlineMs?: number
}

/**
 * Lets all of a company who read one version at the same time share one call, which ends by the deadline of the first. Each gets
 * bytes of his own, to overwrite after use; nothing is kept once the answer is there. Authorisation and its record
 * are not shared: they come before this, for each.
 */
export function shareReads({
  readValue
}: {
  readValue(version: FixedVersion): Promise<AwsValue>
}): (version: FixedVersion) => Promise<AwsValue> {
  const inFlight = new Map<string, Promise<AwsValue>>()
  return async (version) => {
    const key = JSON.stringify([version.companyId, version.secretId, version.versionId])
    const pending = inFlight.get(key) ?? begin(key, version)
    const shared = await pending
    return { ...shared, value: Buffer.from(shared.value) }
  }

  function begin(key: string, version: FixedVersion): Promise<AwsValue> {
    const pending = readValue(version).finally(() => inFlight.delete(key))
    inFlight.set(key, pending)
    pending.then(
      // Those who wait take their copies first, in this turn of the event loop.
      ({ value }) => setImmediate(() => value.fill(0)),
      () => {}
    )
    return pending
  }
}
