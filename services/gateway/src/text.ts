import { AppError } from '@paperclip/server'

const controlCharacter = /\p{Cc}/u

/** Trims a name that people give. Control characters are refused: no database text takes NUL, no list shows them. */
export function cleanName(name: string, pointer: string): string {
  if (controlCharacter.test(name))
    throw new AppError('invalid_request', {
      detail: `Body member "${pointer}" must not contain control characters.`,
      errors: [{ pointer, message: 'must not contain control characters' }]
    })
  return name.trim()
}
