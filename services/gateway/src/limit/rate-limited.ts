import { AppError } from '@paperclip/server'

/** Says how long to wait, and nothing about what was counted: it is the same for names that exist and that do not. */
export function rateLimited(waitMs: number): AppError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new AppError('rate_limited', {
    detail: `Too many requests. Try again in ${retryAfterSeconds} s.`,
    retryAfterSeconds
  })
}
