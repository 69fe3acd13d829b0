import { readFile } from 'node:fs/promises'
import { basename, dirname, join, normalize } from 'node:path'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'
import { importsOf, listFiles, readSources, type SourceFile, withoutComments } from './source-files.js'

// Who may import whom. A service imports no service; no lib imports a service.
const allowed: Readonly<Record<string, readonly string[]>> = {
  'libs/contracts': [],
  'libs/signing': [],
  'libs/db': [],
  'libs/instance': [],
  'libs/postgres': [],
  'libs/client': ['contracts', 'signing'],
  'libs/server': ['contracts'],
  'libs/testing': ['contracts', 'db', 'server', 'postgres'],
  'services/gateway': ['contracts', 'client', 'signing', 'db', 'server'],
  'services/secrets': ['contracts', 'signing', 'db', 'server'],
  'services/cli': ['contracts', 'client', 'instance', 'postgres'],
  'deploy/bench': ['contracts', 'client', 'postgres', 'signing', 'testing']
}
// What is started as a process of its own, and so reads the environment.
const programs = ['main.ts', 'migrate.ts', 'health-check.ts', 'check-values.ts']
// What the tests of a service may use besides.
const allowedInTests = ['testing', 'client', 'signing', 'db', 'instance']
const scope = '@paperclip/'

const fileLinesMax = 300
const testLinesMax = 400
// The files every service has, which may therefore repeat, and which hold its database apart from stores.
const frame = ['main', 'migrate', 'config', 'deps', 'app', 'database']
const databaseFrame = ['main', 'migrate', 'deps', 'database']
const serviceFolders = Object.keys(allowed).filter((folder) => folder.startsWith('services/'))

interface Workspace {
  readonly folder: string
  readonly name: string
  readonly manifest: {
    readonly exports?: unknown
    readonly tap?: unknown
    readonly dependencies?: Readonly<Record<string, string>>
    readonly devDependencies?: Readonly<Record<string, string>>
  }
  readonly references: readonly string[]
  readonly files: readonly SourceFile[]
}

async function json<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(`${repositoryRoot}${path}`, 'utf8')) as T
}

async function readWorkspace(folder: string): Promise<Workspace> {
  const manifest = await json<Workspace['manifest'] & { name: string }>(`${folder}/package.json`)
  const config = await json<{ references?: { path: string }[] }>(`${folder}/tsconfig.json`)
  const references = (config.references ?? []).map(({ path }) => normalize(join(folder, path)))
  return { folder, name: manifest.name, manifest, references, files: await readSources(folder, ['.ts']) }
}

const workspaces = await Promise.all(Object.keys(allowed).map(readWorkspace))
const root = await json<{ devDependencies: Record<string, string> }>('package.json')
const services = workspaces.filter(({ folder }) => serviceFolders.includes(folder))

const libsOf = (dependencies: Readonly<Record<string, string>> = {}) =>
  Object.keys(dependencies).filter((name) => name.startsWith(scope))
const isTest = ({ path }: SourceFile) => path.split('/')[2] === 'test'

t.test('every workspace is in the table of who may import whom', async (t) => {
  const manifests = (await listFiles('')).filter((path) => /^[^/]+\/[^/]+\/package\.json$/.test(path))
  t.same(manifests.map((path) => dirname(path)).sort(), Object.keys(allowed).sort())
})

t.test('each workspace depends on what the table allows, and its references repeat that', async (t) => {
  for (const { folder, name, manifest, references } of workspaces) {
    t.equal(name, `${scope}${basename(folder)}`)
    const own = libsOf(manifest.dependencies)
    const tests = libsOf(manifest.devDependencies)
    const wrong = own.filter((lib) => !allowed[folder]?.includes(lib.slice(scope.length)))
    const wrongInTests = tests.filter((lib) => !allowedInTests.includes(lib.slice(scope.length)))
    t.same({ wrong, wrongInTests }, { wrong: [], wrongInTests: [] }, folder)
    t.ok(
      tests.length === 0 || folder.startsWith('services/'),
      `${folder}: only services test with other libs`
    )
    const expected = [...own, ...tests].map((lib) => `libs/${lib.slice(scope.length)}`)
    // A part of the workspace itself may be compiled for another place, browsers say.
    const toLibs = references.filter((path) => !path.startsWith(`${folder}/`))
    t.same([...toLibs].sort(), [...new Set(expected)].sort(), `references of ${folder}`)
  }
})

t.test('services export nothing, libs export one list, and all are tested alike', async (t) => {
  const entry = { types: './dist/src/index.d.ts', default: './dist/src/index.js' }
  const tap = { include: ['dist/test/**/*.test.js'], exclude: ['**/fixtures/**'] }
  for (const { folder, manifest, files } of workspaces.filter(
    ({ folder }) => !folder.startsWith('deploy/')
  )) {
    t.same(manifest.tap, tap, folder)
    if (folder.startsWith('services/')) {
      t.same(manifest.exports, {}, `${folder} exports nothing`)
      continue
    }
    t.same(manifest.exports, { '.': entry }, `${folder} exports its index`)
    const index = files.find(({ path }) => path === `${folder}/src/index.ts`)
    const rest = withoutComments(index?.text ?? 'absent').replace(/export\s[^'=(]*\sfrom\s'[^']+'/g, '')
    t.equal(rest.trim(), '', `${folder}/src/index.ts is an export list and nothing else`)
  }
})

t.test('every import is declared, and nothing reaches into another workspace', async (t) => {
  const problems: string[] = []
  for (const { folder, manifest, files } of workspaces) {
    const own = Object.keys(manifest.dependencies ?? {})
    const inTests = [
      ...own,
      ...Object.keys(manifest.devDependencies ?? {}),
      ...Object.keys(root.devDependencies)
    ]
    for (const file of files) {
      const declared = isTest(file) ? [...inTests, `${scope}${basename(folder)}`] : own
      for (const name of importsOf(file.text)) {
        if (name.startsWith('node:')) continue
        const inside = normalize(join(dirname(file.path), name)).startsWith(`${folder}/`)
        const known = name.startsWith('.') ? inside : declared.includes(packageOf(name)) && !isDeep(name)
        if (!known) problems.push(`${file.path} imports ${name}`)
      }
    }
  }
  t.same(problems, [])
})

t.test('the environment is read by main files, and by the tools that start processes', async (t) => {
  const readers = workspaces
    .filter(({ folder }) => !['libs/testing', 'services/cli', 'deploy/bench'].includes(folder))
    .flatMap(({ files }) => files)
    .filter((file) => !isTest(file) && withoutComments(file.text).includes('process.env'))
    .map(({ path }) => path)
  t.same(
    readers.filter((path) => !programs.includes(basename(path))),
    []
  )
})

t.test('only stores speak SQL', async (t) => {
  const queries = /\.(selectFrom|insertInto|updateTable|deleteFrom|selectNoFrom|mergeInto)\(/
  const sqlTag = /import\s[^'"]*\bsql\b[^'"]*from 'kysely'/
  const problems: string[] = []
  for (const file of services.flatMap(({ files }) => files)) {
    const name = basename(file.path, '.ts')
    if (isTest(file) || file.path.startsWith('services/cli/') || name.endsWith('-store')) continue
    const code = withoutComments(file.text)
    if (queries.test(code)) problems.push(`${file.path} builds a query`)
    if (databaseFrame.includes(name)) continue
    if (sqlTag.test(code)) problems.push(`${file.path} imports sql`)
    // A pool may be handed on; statements are sent by stores.
    if (/^import (?!type\b)[^'\n]* from 'pg'/m.test(code)) problems.push(`${file.path} imports pg`)
  }
  t.same(problems, [])
})

t.test('the crypto folder of secrets imports node:crypto and its own files, nothing else', async (t) => {
  const files = await readSources('services/secrets/src/crypto', ['.ts'])
  t.ok(files.length > 0)
  for (const { path, text } of files) {
    const others = importsOf(text).filter(
      (name) => name !== 'node:crypto' && !/^\.\/[a-z0-9-]+\.js$/.test(name)
    )
    t.same(others, [], path)
  }
})

t.test('files are short, kebab-case, and found by their name alone', async (t) => {
  const problems: string[] = []
  for (const { folder, files } of workspaces) {
    for (const file of files) {
      const lines = file.text.split('\n').length - 1
      if (lines > (isTest(file) ? testLinesMax : fileLinesMax))
        problems.push(`${file.path} has ${lines} lines`)
      if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|d))?\.ts$/.test(basename(file.path)))
        problems.push(`${file.path}: name`)
    }
    if (!folder.startsWith('services/')) continue
    const names = files.map(({ path }) => basename(path, '.ts'))
    const twice = names.filter((name, at) => names.indexOf(name) !== at && !frame.includes(name))
    if (twice.length > 0) problems.push(`${folder} has two files named ${twice.join(', ')}`)
    if (names.includes('index')) problems.push(`${folder} has an index.ts`)
  }
  t.same(problems, [])
})

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

// A path inside one of our own packages would go around its export list.
function isDeep(name: string): boolean {
  return name.startsWith(scope) && name !== packageOf(name)
}
