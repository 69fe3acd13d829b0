/** What every place is made of: a folder, an environment built from nothing. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { GuideError } from './guide-error.mjs'

/** Of the environment we were started in: how to find programs and reach registries, nothing of the product. */
const passedOn = [
  'PATH', 'USER', 'LOGNAME', 'LANG', 'TZ', 'COMPOSE',
  'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
  'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy',
  'npm_config_registry', 'npm_config_cafile', 'npm_config_userconfig', 'npm_config_globalconfig',
  // What a reader has, and blocks may need.
  'YOUR_DATABASE_URL', 'YOUR_AWS_ROLE'
] // biome-ignore format: a list reads better packed
const installed = 'node_modules'
/** Not to be written to, or nothing a reader has in a clone. */
const notLinked = ['.git', '.env', installed]

/** Copies what is committed or would be: a fresh clone, with changes that are not committed yet. */
export function copyTrackedFiles(root, folder) {
  let listed
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    throw new GuideError(
      'git cannot list the files of this clone, to copy them: is git here, and is this a clone?',
      {
        exitCode: 2
      }
    )
  }
  for (const path of listed.split('\0').filter((each) => each !== '' && isFile(join(root, each)))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(root, path), join(folder, path))
  }
}

/**
 * Links everything of an installed and built clone, so that a guide's own files do not come to lie in it. What is
 * installed is linked piece by piece: who empties that folder then removes links.
 */
export function linkClone(root, folder) {
  for (const name of readdirSync(root))
    if (!notLinked.includes(name)) symlinkSync(join(root, name), join(folder, name))
  mkdirSync(join(folder, installed))
  for (const name of readdirSync(join(root, installed)))
    symlinkSync(join(root, installed, name), join(folder, installed, name))
}

/** A home of its own, with npm's settings and cache of the real one, which are not the subject of any guide. */
export function baseEnvironment(home) {
  const kept = passedOn.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]]
  )
  return {
    npm_config_userconfig: join(homedir(), '.npmrc'),
    ...Object.fromEntries(kept),
    npm_config_cache: process.env.npm_config_cache ?? join(homedir(), '.npm'),
    npm_config_update_notifier: 'false',
    HOME: home,
    TMPDIR: join(home, 'tmp'),
    TERM: 'dumb',
    SHELL: '/bin/bash',
    // README.md's name for the key that its reader has.
    YOUR_KEY: 'not-a-real-key-0123456789'
  }
}

function isFile(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
