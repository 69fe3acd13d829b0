/** Reads a guide: how it begins, and its fenced blocks with what their info strings say. README.md has the convention. */
import { requireProof } from './block-proof.mjs'
import { GuideError } from './guide-error.mjs'
import { deployments, parseInfo } from './parse-info.mjs'
import { readProse } from './prose.mjs'

export const beginnings = ['nothing', 'instance', 'team', 'aws']

/**
 * `line` is that of the opening fence; the first line of `text` is the one after it.
 *
 * @typedef {object} Block
 * @property {number} line
 * @property {'run' | 'write' | 'expect' | 'show'} kind
 * @property {string} language
 * @property {string} text without the indentation of the fence, ends with a line end unless empty
 * @property {string} terminal
 * @property {RegExp | null} stays
 * @property {true | number | null} fails the expected status, true for any but 0
 * @property {string | null} on
 * @property {string | null} needs a variable without which the block is left out
 * @property {'claim' | 'approve' | 'join' | null} person
 * @property {{ path: string, append: boolean } | null} file
 */

/**
 * Throws {@link GuideError} with exit code 2 for what cannot be run as it stands. `begins` is null where the guide does
 * not say it.
 *
 * @param {string} text
 * @returns {{ begins: string | null, on: string[], blocks: Block[] }}
 */
export function parseGuide(text) {
  const lines = text.split('\n')
  const blocks = []
  const prose = readProse()
  for (let index = 0; index < lines.length; index++) {
    prose.take(lines[index], index + 1)
    const fence = /^(?<indent>\s*)(?<mark>`{3,}|~{3,})(?<info>.*)$/.exec(lines[index])?.groups
    if (fence === undefined) continue
    prose.refuseHidden(index + 1)
    const closing = new RegExp(`^\\s*${fence.mark[0]}{${fence.mark.length},}\\s*$`)
    const end = lines.findIndex((line, at) => at > index && closing.test(line))
    if (end === -1) throw new GuideError('this block is never closed', { line: index + 1, exitCode: 2 })
    const content = lines.slice(index + 1, end).map((line) => dedent(line, fence.indent))
    blocks.push({
      line: index + 1,
      text: content.map((line) => `${line}\n`).join(''),
      ...parseInfo(fence.info, index + 1)
    })
    index = end
  }
  requireCommandBefore(blocks)
  for (const [index, block] of blocks.entries()) requireProof(block, blocks[index + 1])
  return { ...parseHead(lines[0]), blocks }
}

function dedent(line, indent) {
  return line.startsWith(indent) ? line.slice(indent.length) : line.trimStart()
}

/** The first line: `<!-- begins: team; on: instance, compose -->`. */
function parseHead(line = '') {
  const said = /^<!--\s*begins:\s*(?<begins>[a-z]+)\s*(?:;\s*on:\s*(?<on>[a-z, ]+?)\s*)?-->\s*$/.exec(
    line
  )?.groups
  if (said === undefined) return { begins: null, on: [] }
  const on = (said.on ?? 'instance').split(',').map((word) => word.trim())
  const unknown = [said.begins].filter((word) => !beginnings.includes(word))
  unknown.push(...on.filter((word) => !deployments.includes(word)))
  if (unknown.length > 0)
    throw new GuideError(`nothing begins with or runs on "${unknown.join('", "')}"`, { line: 1, exitCode: 2 })
  return { begins: said.begins, on }
}

function requireCommandBefore(blocks) {
  for (const [index, { kind, line }] of blocks.entries()) {
    if (kind === 'expect' && blocks[index - 1]?.kind !== 'run')
      throw new GuideError('a text block says what the sh block before it prints: put one there', {
        line,
        exitCode: 2
      })
  }
}
