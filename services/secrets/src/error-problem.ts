import { isConnectionFailure, isLockTimeout, isStatementTimeout } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { IntegrityError } from './crypto/crypto-error.js'

/**
 * Turns what lower layers throw into a problem: a database that is away is not a fault of this program, and stored
 * data that does not verify has a code of its own (decision 0006). Undefined for anything else.
 */
export function problemOfError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error
  if (error instanceof IntegrityError) return new AppError('integrity_failure', { cause: error })
  const { code } = error as { code?: unknown }
  if (isConnectionFailure(error) || isStatementTimeout(error) || isLockTimeout(error))
    return new AppError('database_unavailable', { cause: error, retryAfterSeconds: 1 })
  // Text that PostgreSQL cannot hold, such as a NUL character.
  if (code === '22021' || code === '22P05')
    return new AppError('invalid_request', { detail: 'A text holds a character that cannot be stored.' })
  return undefined
}
