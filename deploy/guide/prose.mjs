/** Refuses what a page shows as commands without a fence of its own, which nothing would run, and blocks it does not show. */
import { GuideError } from './guide-error.mjs'

const fence = '(?:`{3,}|~{3,})'
const faults = [
  [new RegExp(`^\\s*>.*${fence}`), 'a block in a quotation would never be run: take it out of it'],
  [
    new RegExp(`^\\s*(?:[-*+]|\\d{1,9}[.)])\\s+${fence}`),
    'a block that begins on the line of its list item would never be run: begin it on the next'
  ],
  [/<(?:pre|code)\b/i, 'a block of HTML would never be run: write a fenced block']
]

/** Reads a guide line by line, but for what stands in its blocks. */
export function readProse() {
  let isBlankBefore = true
  let isInComment = false

  function refuse(message, line) {
    throw new GuideError(message, { line, exitCode: 2 })
  }

  return {
    take(text, line) {
      if (isBlankBefore && /^(?: {4,}|\t)\s*\S/.test(text))
        refuse('an indented block would never be run: write a fenced one', line)
      isBlankBefore = text.trim() === ''
      const plain = text.replaceAll(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, '')
      for (const [pattern, message] of faults) if (pattern.test(plain)) refuse(message, line)
      for (const [mark] of plain.matchAll(/<!--|-->/g)) isInComment = mark === '<!--'
    },
    /** To be called where a block begins. */
    refuseHidden(line) {
      isBlankBefore = false
      if (isInComment) refuse('a block in a comment is run and never shown: take it out of it', line)
    }
  }
}
