import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { repositoryRoot } from '@paperclip/testing'
import type { Command } from 'commander'
import t from 'tap'
import { buildProgram } from '../src/program.js'

/** What `deploy/guide/parse-guide.mjs` gives, as far as it concerns us. */
interface Guide {
  readonly begins: string | null
  readonly on: readonly string[]
  readonly blocks: readonly {
    readonly line: number
    readonly kind: 'run' | 'write' | 'expect' | 'show'
    readonly language: string
    readonly text: string
    readonly on: string | null
    readonly needs: string | null
  }[]
}

const parser = pathToFileURL(join(repositoryRoot, 'deploy/guide/parse-guide.mjs')).href
const { parseGuide } = (await import(parser)) as { parseGuide(text: string): Guide }

const index = 'deploy/README.md'
const names = readdirSync(join(repositoryRoot, 'deploy')).filter((name) => name.endsWith('.md'))
const paths = ['README.md', ...names.map((name) => `deploy/${name}`)]
const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8')
const guides = paths.map((path) => ({ path, ...parsed(path) }))
const withCommands = guides.filter(({ blocks }) => blocks.some(({ kind }) => kind === 'run'))
/** What runs a guide in `npm test`. The README's commands are held to stricter manners by a test of the command line. */
const testOf = (path: string): string =>
  path === 'README.md' ? 'e2e-cli.test.ts' : `guide-${basename(path, '.md')}.test.ts`
const command = /^\s*(?:\$ )?(?:npx|npm|docker|paperclipai|sh|bash|curl|git|node|psql|sudo)\s/m

/** Throws for what the runner would refuse. */
function parsed(path: string): Guide {
  try {
    return parseGuide(read(path))
  } catch (error) {
    const { line, message } = error as { line: number; message: string }
    throw new Error(`${path}:${line}: ${message}`)
  }
}

t.test('a guide with commands says how it begins, and each of them runs somewhere', (t) => {
  t.ok(withCommands.length > 1)
  for (const { path, begins, on, blocks } of withCommands) {
    t.ok(begins, path)
    for (const block of blocks)
      t.ok(block.on === null || on.includes(block.on), `${path}:${block.line} runs on ${on.join(' or ')}`)
  }
  t.end()
})

t.test('a test runs each guide that can do without containers, with all that its blocks need', (t) => {
  for (const { path, blocks } of withCommands.filter(({ on }) => on.includes('instance'))) {
    const file = join(repositoryRoot, 'services/cli/test', testOf(path))
    if (!t.ok(existsSync(file), `${path} has ${testOf(path)}`)) continue
    const text = readFileSync(file, 'utf8')
    t.ok(text.includes(path === 'README.md' ? 'readmeCommands' : path), `${testOf(path)} runs ${path}`)
    for (const { needs } of blocks) if (needs !== null) t.ok(text.includes(needs), `${path} gets ${needs}`)
  }
  t.end()
})

t.test('what is only shown holds no commands, because nothing would run them', (t) => {
  for (const { path, blocks } of guides)
    for (const { line, kind, text, language } of blocks)
      if (kind === 'show' || kind === 'write') t.notMatch(text, command, `${path}:${line} ${language}`)
  t.end()
})

t.test('what a sentence names of the command line is there, with its flags', (t) => {
  const nowhere = new Writable()
  const stdin = Readable.from([])
  const program = buildProgram({ env: {}, stdin, stdout: nowhere, stderr: nowhere, exitCode: 0 })
  let named = 0
  for (const path of paths)
    for (const words of wordsInCode(read(path))) {
      const [noun = '', ...rest] = words
      const top = program.commands.find((command) => command.name() === noun)
      if (top === undefined) continue
      named += 1
      t.equal(faultOf(top, rest), null, `${path}: ${words.join(' ')}`)
    }
  t.ok(named > 50, 'and they are looked for as they are written')
  t.end()
})

/** The words of each code mark in the sentences of a page, without how the command line is called. */
function wordsInCode(page: string): string[][] {
  const sentences = page.replace(/^\s*```[\s\S]*?^\s*```/gm, '')
  return [...sentences.matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, code = '']) =>
    code.replace(/^(?:npx --no-install )?paperclipai\s+/, '').split(/\s+/)
  )
}

function faultOf(command: Command, words: readonly string[]): string | null {
  const [word = ''] = words
  const child = command.commands.find((each) => each.name() === word)
  if (child !== undefined) return faultOf(child, words.slice(1))
  if (command.commands.length > 0 && word !== '') return `there is no ${command.name()} ${word}`
  const flags = words.filter((each) => each.startsWith('--'))
  const unknown = flags.find((flag) => !command.options.some(({ long }) => long === flag))
  return unknown === undefined ? null : `${command.name()} has no ${unknown}`
}

t.test('no command takes the folder of secrets for granted, which a setting moves', (t) => {
  for (const { path, blocks } of withCommands)
    for (const { line, kind, text } of blocks)
      if (kind === 'run') t.notMatch(text, /deploy\/secrets(?!\.md)|PAPERCLIP_SECRETS_DIR/, `${path}:${line}`)
  t.end()
})

t.test('the index names every guide', (t) => {
  const text = read(index)
  for (const path of paths.filter((each) => each !== index && each !== 'README.md'))
    t.ok(text.includes(`(${basename(path)})`), path)
  t.end()
})
