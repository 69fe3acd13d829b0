/** Reads the info string of a fenced block: a language and attributes, `sh terminal=2 stays="is ready"`. */
import { GuideError } from './guide-error.mjs'

const attribute = /^(?<name>[a-z]+)(?:=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s"]+)))?(?:\s+|$)/
/** What is shown and not run. Any other name may be one more way to write commands, which nothing would run. */
const shownLanguages = [
  'caddyfile', 'csv', 'diff', 'html', 'http', 'ini', 'js', 'json', 'log', 'mermaid', 'nginx', 'sql', 'toml', 'ts', 'yaml'
] // biome-ignore format: a list reads better packed
/** What a guide can be tried on. */
export const deployments = ['instance', 'compose']
const persons = ['claim', 'approve', 'join']
const known = {
  sh: ['terminal', 'stays', 'fails', 'on', 'needs', 'person'],
  text: [],
  other: ['file', 'append', 'on']
}

/**
 * Says what a block is for. Throws `GuideError` for what the convention does not know.
 *
 * @param {string} info
 * @param {number} line
 */
export function parseInfo(info, line) {
  const fail = (message) => {
    throw new GuideError(message, { line, exitCode: 2 })
  }
  const [language = ''] = info.trim().split(/\s+/)
  if (language === '') fail('this block names no language: sh is run, text is expected, others are shown')
  if (!['sh', 'text', ...shownLanguages].includes(language))
    fail(`a block of ${language} would never be run: write sh, or one of ${shownLanguages.join(', ')}`)
  const given = readAttributes(info.trim().slice(language.length).trim(), fail)
  const allowed = known[language] ?? known.other
  for (const name of Object.keys(given))
    if (!allowed.includes(name)) fail(`a block of ${language} knows no attribute "${name}"`)
  const { file, append, fails, needs, person, stays, terminal, on } = given
  if (person !== undefined && !persons.includes(person)) fail('person is claim, approve or join')
  if (on !== undefined && !deployments.includes(on)) fail(`on is ${deployments.join(' or ')}`)
  if ([file, append, terminal, stays, needs].includes(true)) fail('this attribute wants a value')
  if (fails !== undefined && fails !== true && !/^[1-9]\d{0,2}$/.test(fails)) fail('fails is a status from 1')
  if (stays !== undefined && fails !== undefined) fail('what stays in the foreground does not fail')
  if (file !== undefined && append !== undefined) fail('a block is a file or is appended to one')
  const path = file ?? append
  return {
    language,
    kind: kindOf(language, path),
    on: on ?? null,
    needs: needs ?? null,
    person: person ?? null,
    terminal: terminal ?? '1',
    stays: stays === undefined ? null : patternOf(stays, fail),
    fails: fails === undefined ? null : fails === true || Number(fails),
    file: path === undefined ? null : { path, append: append !== undefined }
  }
}

function kindOf(language, path) {
  if (language === 'sh') return 'run'
  if (language === 'text') return 'expect'
  return path === undefined ? 'show' : 'write'
}

function readAttributes(text, fail) {
  const given = {}
  let rest = text
  while (rest !== '') {
    const match = attribute.exec(rest)
    if (match === null) fail(`"${rest}" is no attribute`)
    const { name, quoted, plain } = match.groups
    if (name in given) fail(`"${name}" is said twice`)
    given[name] = quoted?.replaceAll('\\"', '"') ?? plain ?? true
    rest = rest.slice(match[0].length)
  }
  return given
}

function patternOf(text, fail) {
  let pattern
  try {
    pattern = new RegExp(text)
  } catch {
    return fail(`"${text}" is no regular expression`)
  }
  return pattern.test('') ? fail(`"${text}" is there before anything is printed`) : pattern
}
