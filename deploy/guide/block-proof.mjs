/** Refuses blocks that would pass whatever their commands did. */
import { isVacuous } from './expected-output.mjs'
import { GuideError } from './guide-error.mjs'

/** Ways to hide a failure, and what to write instead. */
const hidings = [
  [/\|\|\s*(?:true|:)(?=[\s;)}&|]|$)/m, 'a failure that is hidden proves nothing: leave out "|| true"'],
  [/^\s*set\s+\+/m, 'each command of a block must do its work: leave the options of bash as they are']
]

/**
 * @param {import('./parse-guide.mjs').Block} block
 * @param {import('./parse-guide.mjs').Block | undefined} next
 */
export function requireProof({ kind, line, text, fails }, next) {
  const refuse = (message) => {
    throw new GuideError(message, { line, exitCode: 2 })
  }
  if (kind === 'expect' && isVacuous(text)) refuse('any output would do: say something that is printed')
  if (kind !== 'run') return
  if (text.split('\n').every((each) => /^\s*(?:#|$)/.test(each))) refuse('there is no command in this block')
  for (const [pattern, message] of hidings) if (pattern.test(text)) refuse(message)
  if (fails !== null && next?.kind !== 'expect')
    refuse('this may fail for any reason: say in a text block below what it prints then')
}
