import { AppError } from '@paperclip/server'

/** Reads the body member `expiresAt`, which must lie in the future; null stays null and means never. */
export function readExpiry(text: string | null): Date | null {
  if (text === null) return null
  const date = new Date(text)
  // Written so that a time the format allows and no clock has, such as a leap second, is refused too.
  if (!(date.getTime() > Date.now()))
    throw new AppError('invalid_request', {
      detail: 'Body member "/expiresAt" must be a time in the future.',
      errors: [{ pointer: '/expiresAt', message: 'must be a time in the future' }]
    })
  return date
}
