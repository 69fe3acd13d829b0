import { looksLikeCredential } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'

const controlCharacter = /\p{Cc}/u

/**
 * Trims a name that people give. Control characters are refused: no database text takes NUL, no list shows them. So is
 * what looks like a credential, as in the names of secrets: everybody in the company reads a name, the record keeps it
 * for good, and nothing keeps it secret. No message repeats it.
 */
export function cleanName(name: string, pointer: string): string {
  if (controlCharacter.test(name)) throw wrongName(pointer, 'must not contain control characters')
  if (looksLikeCredential(name))
    throw wrongName(
      pointer,
      'looks like a credential, and names are not kept secret. Nothing of it was stored'
    )
  return name.trim()
}

function wrongName(pointer: string, message: string): AppError {
  return new AppError('invalid_request', {
    detail: `Body member "${pointer}" ${message}.`,
    errors: [{ pointer, message }]
  })
}
