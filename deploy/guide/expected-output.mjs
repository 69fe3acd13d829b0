/** Compares what a guide says that is printed with what was, and keeps out of our own output what opens doors. */

const secrets = [
  // Addresses that make whoever opens them somebody, tokens, passwords. What is captured stays.
  /((?:board-claim|cli-auth|invites)\/)[^\s"'|]+/g,
  /\b(paperclip_(?:board|agent)_)[\w-]+/g,
  /\b(eyJ)[\w-]+\.[\w-]+\.[\w-]+/g,
  /(postgres(?:ql)?:\/\/[^\s:@/]+:)[^\s@]+/g
]

/**
 * Finds the first expected line that does not occur, in order, or null. `…` stands for anything in a line, and any
 * number of blanks for any other.
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
  return new RegExp(parts.join('.*').replace(/[ \t]+/g, '[ \\t]+'))
}

/** Makes output fit to be shown. */
export function mask(output) {
  return secrets.reduce((text, pattern) => text.replace(pattern, '$1…'), output)
}
