/** Where a guide is tried with containers: a copy of the clone, and a project, image tag and ports of its own. */
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { GuideError } from './guide-error.mjs'
import { makePerson } from './person.mjs'
import { baseEnvironment, copyTrackedFiles, findFreePorts } from './place-files.mjs'

/** Images are built in a block. */
const blockMsMax = 900_000

/**
 * @param {{ repository: string, root: string, begins: string }} options
 * @returns {Promise<import('./instance-place.mjs').Place>}
 */
export async function openComposePlace({ repository, root, begins }) {
  const [folder, home] = [join(root, 'clone'), join(root, 'home')]
  mkdirSync(folder)
  mkdirSync(join(home, 'tmp'), { recursive: true })
  copyTrackedFiles(repository, folder)
  const [port, PAPERCLIP_HTTP_PORT, PAPERCLIP_HTTPS_PORT] = await findFreePorts(3)
  const env = {
    ...baseEnvironment(home),
    // Container engines keep their state there.
    HOME: homedir(),
    COMPOSE_PROJECT_NAME: `paperclip-guide-${process.pid}`,
    PAPERCLIP_IMAGE_TAG: 'guide',
    PAPERCLIP_PORT: `127.0.0.1:${port}`,
    ...{ PAPERCLIP_HTTP_PORT, PAPERCLIP_HTTPS_PORT }
  }
  return {
    ...{ root, folder, env, blockMsMax },
    person: makePerson(),
    adapt: (text) => text,
    begin: () => begin(begins),
    notice: () => undefined,
    remove: () => undefined
  }
}

async function begin(begins) {
  if (begins !== 'nothing')
    throw new GuideError(`there is no "${begins}" to begin with on compose yet`, { exitCode: 2 })
}
