import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, normalize } from 'node:path'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'
import { listFiles, readSources, type SourceFile } from './source-files.js'

const decisionLinesMax = 60
const mapLinesMax = 120
/** What an operator's commands make in a clone. */
const madePaths = /^deploy\/secrets(\/|$)/

const files = await listFiles('')
const names = new Set(files.map((path) => basename(path)))
const documents = await readSources('', ['.md'])
const scripts = Object.keys(
  (JSON.parse(await readFile(`${repositoryRoot}package.json`, 'utf8')) as { scripts: object }).scripts
)
const decisions = documents.filter(({ path }) => path.startsWith('services/decisions/'))

t.test('every path and file that a document names exists', async (t) => {
  for (const document of documents) {
    const missing = [...linksOf(document), ...codePathsOf(document)].filter((path) => !isThere(path))
    t.same(missing, [], document.path)
  }
})

t.test('every heading that a document, a program or a script leads to is there', async (t) => {
  const texts = [...documents, ...(await readSources('', ['.ts', '.mjs', '.sh', '.yml']))]
  const headings = new Map(documents.map(({ path, text }) => [path, anchorsOf(text)]))
  let led = 0
  for (const document of texts) {
    const named = anchorsNamedIn(document)
    led += named.length
    const missing = named.filter(({ path, anchor }) => !headings.get(path)?.has(anchor))
    t.same(missing, [], document.path)
  }
  t.ok(led > 0)
})

t.test('every npm script that a document names exists', async (t) => {
  for (const { path, text } of documents) {
    const named = [...text.matchAll(/\bnpm run (?:--silent )?([a-z][a-z0-9:-]*)/g)].map(
      (match) => match[1] ?? ''
    )
    const short = [...text.matchAll(/\bnpm (start|test)\b/g)].map((match) => match[1] ?? '')
    t.same(
      [...named, ...short].filter((name) => !scripts.includes(name)),
      [],
      path
    )
  }
})

t.test('every workspace says what it is, and the architecture fits one page', async (t) => {
  const workspaces = files.filter((path) => /^(libs|services)\/[^/]+\/package\.json$/.test(path))
  for (const path of ['README.md', ...workspaces.map((path) => `${dirname(path)}/README.md`)]) {
    t.ok(files.includes(path), path)
  }
  const map = documents.find(({ path }) => path === 'services/README.md')
  t.ok(map && map.text.split('\n').length <= mapLinesMax, 'services/README.md is one page')
})

t.test('decisions are numbered once, named as a sentence and one page long', async (t) => {
  const numbers = decisions.map(({ path }) => basename(path).slice(0, 4))
  t.equal(new Set(numbers).size, numbers.length)
  for (const { path, text } of decisions) {
    t.match(basename(path), /^\d{4}-[a-z0-9]+(-[a-z0-9]+)+\.md$/)
    t.ok(text.split('\n').length - 1 <= decisionLinesMax, `${path} is at most ${decisionLinesMax} lines`)
  }
})

/** Relative link targets, as paths from the root. */
function linksOf({ path, text }: SourceFile): string[] {
  return [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(dirname(path), target)))
}

/** Where links and texts lead within documents; programs name documents from the root. */
function anchorsNamedIn({ path, text }: SourceFile): { path: string; anchor: string }[] {
  const links = path.endsWith('.md') ? [...text.matchAll(/\]\(([\w./-]*)#([^)\s]+)\)/g)] : []
  const named = [...text.matchAll(/(?<![\w./-])((?:deploy|libs|services)\/[\w./-]*\.md)#([\w-]+)/g)]
  return [
    ...links.map(([, target = '', anchor = '']) => ({
      path: target === '' ? path : normalize(join(dirname(path), target)),
      anchor
    })),
    ...named.map(([, target = '', anchor = '']) => ({ path: target, anchor }))
  ].filter(({ path: target }) => target.endsWith('.md'))
}

/** Anchors as GitHub makes them of headings: lower case, without punctuation, a number after a second one. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text
    .replace(/^\s*```[\s\S]*?^\s*```/gm, '')
    .matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}

/** What stands in code marks and is written like a path of this repository, or like one of its files. */
function codePathsOf({ path, text }: SourceFile): string[] {
  const inline = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(
    (match) => match[1] ?? ''
  )
  return inline.flatMap(expandBraces).flatMap((code) => {
    if (/[<>…]|NNNN/.test(code) || madePaths.test(code)) return []
    if (/^(libs|services|deploy|\.ci)\/[\w./*-]*$/.test(code)) return [code]
    if (/^(src|test|migrations)\/[\w./*-]+$/.test(code)) return nearest(path, code)
    return /^[a-z0-9-]+(\.test)?\.(ts|sql|sh)$/.test(code) ? [code] : []
  })
}

/** `src/x.ts` may be meant from the document or from its workspace; unresolved, it is reported as written. */
function nearest(document: string, code: string): string[] {
  const workspace = document.split('/').slice(0, 2).join('/')
  const candidates = [dirname(document), workspace].map((folder) => normalize(join(folder, code)))
  return candidates.some(isThere) ? [] : candidates.slice(0, 1)
}

function expandBraces(code: string): string[] {
  const match = /^(.*)\{([^}]*)\}(.*)$/.exec(code)
  if (!match) return [code]
  return (match[2] ?? '').split(',').map((middle) => `${match[1]}${middle}${match[3]}`)
}

function isThere(path: string): boolean {
  // Compiled files are named by what they are compiled from.
  const written = path.includes('/dist/') ? path.replace('/dist/', '/').replace(/\.js$/, '.ts') : path
  if (written.includes('*')) {
    const pattern = new RegExp(`^${written.split('*').map(escapePattern).join('[^/]*')}`)
    return files.some((file) => pattern.test(file))
  }
  return names.has(written) || existsSync(`${repositoryRoot}${written}`)
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
