/** Where a guide is tried with `npm start`: a home, ports and a database of its own. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openSession } from '../smoke/http-session.mjs'
import { startAwsStandIn } from './aws-stand-in.mjs'
import { makeExampleWorld } from './example-world.mjs'
import { GuideError } from './guide-error.mjs'
import { makePerson } from './person.mjs'
import { baseEnvironment, copyTrackedFiles, linkClone } from './place-files.mjs'
import { reservePorts } from './reserve-ports.mjs'

/** `npm ci` and a first build on a machine that has other things to do. */
const freshMsMax = 900_000
const builtMsMax = 300_000
/** The terminal in which the instance runs that is there when a guide begins. */
const instanceTerminal = 'instance'
/** How deep homes of instances may lie in the place. */
const homeDepthMax = 4
/** See libs/postgres/src/data-dir.ts. */
const sharedStateDir = '/var/lib/paperclip'
const hashHexDigits = 16

/**
 * What a guide is tried in. `folder` is the reader's clone, `adapt` changes a block's text before it is run, `begin` does
 * what came before the guide, `remove` takes away what lies outside of `root`, after everything has ended.
 *
 * @typedef {object} Place
 * @property {string} root everything a guide may write to
 * @property {string} folder
 * @property {Record<string, string>} env
 * @property {number} blockMsMax what one block may take
 * @property {ReturnType<typeof makePerson>} person
 * @property {(text: string) => string} adapt
 * @property {(run: (block: object) => Promise<{ output(): string }>) => Promise<void>} begin
 * @property {() => void} notice is called after each block, before a guide may remove what `remove` has to know
 * @property {() => void} remove
 */

/**
 * `begins: nothing` is a copy of the clone in which nothing was installed, unless `built`: then the clone itself, which
 * must be built, and `npm ci` is left out.
 *
 * @param {{ repository: string, root: string, begins: string, built: boolean }} options
 * @returns {Promise<Place>}
 */
export async function openInstancePlace({ repository, root, begins, built }) {
  const isFresh = begins === 'nothing' && !built
  const [folder, home] = [join(root, 'clone'), join(root, 'home')]
  mkdirSync(folder)
  mkdirSync(join(home, 'tmp'), { recursive: true })
  if (isFresh) copyTrackedFiles(repository, folder)
  else {
    if (!existsSync(join(repository, 'services/cli/dist/bin/main.js')))
      throw new GuideError('this clone is not built yet: run `npm ci && npm run build` first', {
        exitCode: 2
      })
    linkClone(repository, folder)
  }
  const [PORT, PAPERCLIP_SECRETS_PORT] = await reservePorts(2)
  const PAPERCLIP_HOME = join(home, '.paperclip')
  const env = { ...baseEnvironment(home), PAPERCLIP_HOME, PORT, PAPERCLIP_SECRETS_PORT }
  if (!isFresh) env.PATH = `${join(folder, 'node_modules/.bin')}:${env.PATH}`
  const person = makePerson()
  const shared = new Set()
  const notice = () => {
    for (const path of findSharedData(root)) shared.add(path)
  }
  return {
    root,
    folder,
    env,
    person,
    blockMsMax: isFresh ? freshMsMax : builtMsMax,
    adapt: (text) => (isFresh ? text : shortened(text)),
    begin: (run) => begin({ run, begins, person, env, origin: `http://localhost:${PORT}`, root, repository }),
    notice,
    remove: () => {
      notice()
      for (const path of shared) rmSync(path, { recursive: true, force: true })
    }
  }
}

/** In a clone that is built, npm would only be asked where it put the command: as long as the command itself takes. */
function shortened(text) {
  return text.replace(/\bnpm ci\b/g, 'true').replaceAll('npx --no-install paperclipai', 'paperclipai')
}

async function begin({ run, begins, person, env, origin, root, repository }) {
  if (begins === 'aws') Object.assign(env, await startAwsStandIn(run, { root, repository, path: env.PATH }))
  const start = { terminal: instanceTerminal, text: 'npm start\n', stays: /paperclip is ready/ }
  const cli = 'npx --no-install paperclipai'
  if (begins === 'instance') {
    await run(start)
    await makeExampleWorld(openSession({ origin }))
  }
  if (begins === 'team') {
    await run({ text: `${cli} configure --section server --set mode=authenticated --yes\n` })
    await run({ ...start, person: 'claim' })
    await makeExampleWorld(await person.signIn(origin))
    await run({ text: `${cli} auth login --admin\n`, person: 'approve' })
  }
}

/** As root the embedded database lies in a folder named after that of the instance. */
function findSharedData(root) {
  return findInstances(realpathSync(root), homeDepthMax).map((folder) => {
    const name = createHash('sha256').update(folder).digest('hex').slice(0, hashHexDigits)
    return join(sharedStateDir, name)
  })
}

function findInstances(folder, depth) {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.flatMap(({ name }) => {
    const path = join(folder, name)
    if (name === 'instances') return readdirSync(path).map((id) => join(path, id))
    return name === 'node_modules' || depth === 0 ? [] : findInstances(path, depth - 1)
  })
}
