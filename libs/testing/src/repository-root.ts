import { fileURLToPath } from 'node:url'

/** The folder that holds `package.json` of the whole product, with a trailing slash. */
export const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url))
