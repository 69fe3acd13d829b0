/** Where a guide is tried with containers: a copy of the clone, and a project, image tag and ports of its own. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { makeExampleWorld } from './example-world.mjs'
import { makePerson } from './person.mjs'
import { baseEnvironment, copyTrackedFiles } from './place-files.mjs'
import { reservePorts } from './reserve-ports.mjs'
import { quote } from './shell-quote.mjs'

/** Images are built in a block. */
const blockMsMax = 1_800_000
/** Where guides save the authority of a local name. */
const authorityFile = 'root.crt'
const localName = 'paperclip.localhost'

/**
 * One at a time: project and image tag are always the same, so that what a try leaves behind when it is killed is taken
 * away by the next one. Images are built first, unless `built`: then those of the last try are taken as they are.
 *
 * @param {{ repository: string, root: string, begins: string, built: boolean }} options
 * @returns {Promise<import('./instance-place.mjs').Place>}
 */
export async function openComposePlace({ repository, root, begins, built }) {
  const [folder, home, bin] = ['clone', 'home', 'bin'].map((name) => join(root, name))
  for (const each of [folder, join(home, 'tmp'), bin]) mkdirSync(each, { recursive: true })
  copyTrackedFiles(repository, folder)
  const [port, httpPort, httpsPort] = await reservePorts(3)
  const { COMPOSE, ...base } = baseEnvironment(home)
  const env = {
    ...base,
    PATH: `${bin}:${base.PATH ?? ''}`,
    // Container engines keep their state there.
    HOME: homedir(),
    COMPOSE_PROJECT_NAME: 'paperclip-guide',
    PAPERCLIP_IMAGE_TAG: 'guide',
    PAPERCLIP_PORT: `127.0.0.1:${port}`,
    PAPERCLIP_HTTP_PORT: httpPort,
    PAPERCLIP_HTTPS_PORT: httpsPort
  }
  writeStandIns({ bin, repository, compose: COMPOSE, built })
  const adapt = (text) =>
    text
      .replaceAll('localhost:3100', `localhost:${port}`)
      .replaceAll(`https://${localName}`, `https://${localName}:${httpsPort}`)
  const person = makeComposePerson({ folder, port })
  const removeAll = () => {
    const profiles = { COMPOSE_PROFILES: 'tls,tools' }
    spawnSync('docker', ['compose', 'down', '-v'], {
      cwd: folder,
      env: { ...env, ...profiles },
      stdio: 'ignore'
    })
  }
  removeAll()
  return {
    root,
    folder,
    env,
    blockMsMax,
    person,
    adapt,
    begin: (run) => begin({ run, begins, built, person, origin: `http://localhost:${port}` }),
    notice: () => undefined,
    remove: removeAll
  }
}

/** As hosted.md does it. There is no `local_trusted` in containers, so an `instance` is a `team`. */
async function begin({ run, begins, built, person, origin }) {
  if (!built) await run({ text: 'docker compose build gateway secrets paperclipai\n' })
  if (begins === 'nothing') return
  await run({ text: 'sh deploy/compose-secrets.sh\ndocker compose up -d\n' })
  await run({
    text: 'until docker compose logs gateway 2>&1 | grep board-claim; do sleep 2; done\n',
    person: 'claim'
  })
  await makeExampleWorld(await person.signIn(origin))
  await run({ text: 'docker compose run --rm paperclipai auth login --admin\n', person: 'approve' })
}

/** The gateway names itself by the port that it has inside; the person knows the published one. */
function makeComposePerson({ folder, port }) {
  const path = join(folder, authorityFile)
  const person = makePerson({ ca: () => (existsSync(path) ? readFileSync(path, 'utf8') : undefined) })
  const published = (address) => address.replace('//localhost:3100/', `//localhost:${port}/`)
  return {
    ...person,
    claim: (address) => person.claim(published(address)),
    join: (address) => person.join(published(address)),
    approve: (address) => person.approve(published(address))
  }
}

/**
 * `docker` where `$COMPOSE` takes its place, and `npx`, which a host of containers has not: as hosted.md says, what other
 * guides ask of `npx --no-install paperclipai` is asked of the container of that name.
 */
function writeStandIns({ bin, repository, compose, built }) {
  const standIn = join(repository, 'deploy/guide/compose-stand-in.mjs')
  const scripts = { npx: 'shift 2\nexec docker compose run --rm -T paperclipai "$@"' }
  if (compose !== undefined) {
    const images = `GUIDE_IMAGES=${built ? 'built' : ''}`
    const started = [`COMPOSE=${compose}`, images, process.execPath, standIn].map(quote).join(' ')
    scripts.docker = `exec env ${started} "$@"`
  }
  for (const [name, text] of Object.entries(scripts))
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
}
