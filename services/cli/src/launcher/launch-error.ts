import { InstanceError } from '@paperclip/instance'
import { PostgresError } from '@paperclip/postgres'

/** A reason why an instance cannot be started: one sentence for the operator, with the next step. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
}

/** Turns whatever stopped a start into a sentence; only our own errors are trusted to hold no value. */
export function describeLaunchFailure(error: unknown): string {
  if (error instanceof LaunchError || error instanceof InstanceError || error instanceof PostgresError) {
    return error.message
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  const name = error instanceof Error ? error.name : 'error'
  return `The instance could not be started (${name}, code ${code}): see the files in its logs folder.`
}
