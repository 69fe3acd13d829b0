/** Compares what a guide says that is printed with what was, and keeps out of our own output what opens doors. */

const secrets = [
  // Addresses that make whoever opens them somebody, tokens, passwords. What is captured stays.
  /((?:board-claim|cli-auth|invites)\/)[^\s"'|]+/g,
  /\b(paperclip_(?:board|agent)_)[\w-]+/g,
  /\b(eyJ)[\w-]+\.[\w-]+\.[\w-]+/g,
  /(postgres(?:ql)?:\/\/[^\s:@/]+:)[^\s@]+/g
]

/**
 * Finds the first expected line that does not occur, in order, or null. A line is the whole line that was printed, but
 * for blanks around it; `…` stands for anything in it, and any number of blanks for any other.
 *
 * @param {string} expected
 * @param {string} output
 */
export function findMissingLine(expected, output) {
  const printed = output.split('\n')
  let at = 0
  for (const [offset, line] of expected.split('\n').entries()) {
    if (line.trim() === '') continue
    const pattern = patternOf(line.trim())
    const found = printed.findIndex((each, index) => index >= at && pattern.test(each))
    if (found === -1) return { offset, line: line.trim() }
    at = found + 1
  }
  return null
}

function patternOf(line) {
  const parts = line.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return new RegExp(`^\\s*${parts.join('.*').replace(/[ \t]+/g, '[ \\t]+')}\\s*$`)
}

/** Says whether any output at all would be the expected one. */
export function isVacuous(expected) {
  return !/[^\s…]/.test(expected)
}

/** Makes output fit to be shown. */
export function mask(output) {
  return secrets.reduce((text, pattern) => text.replace(pattern, '$1…'), output)
}
