/** A reason why an instance cannot be made or read: one sentence with the next step, never a value. */
export class InstanceError extends Error {
  override readonly name = 'InstanceError'
}

/** The `code` of a system error, such as `ENOENT`; undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
