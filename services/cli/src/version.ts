import { createRequire } from 'node:module'

const manifest = createRequire(import.meta.url)('../../package.json') as { version: string }

/** The version of this command line, which is that of the whole product. */
export const cliVersion = manifest.version
