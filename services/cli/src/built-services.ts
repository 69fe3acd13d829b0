import { fileURLToPath } from 'node:url'

// From services/cli/dist/bin, and for tests from services/cli/dist/src: this file stays in the top folder of src.
const folderOf = (service: string): string =>
  fileURLToPath(new URL(`../../../${service}/dist/bin`, import.meta.url))

/** Where the programs of each service lie once this repository is built; absolute, without a slash at the end. */
export const builtServices = { gateway: folderOf('gateway'), secrets: folderOf('secrets') } as const
