import { type CompanyManifest, limits } from '@paperclip/contracts'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { readJson } from './read-json.js'

/** Printed with indents it is larger than it is sent. */
const bytesMax = 4 * limits.manifestBodyBytesMax
const hint = 'give what `company export` prints'

/** Reads what `company export` printed, from a file or stdin. Throws without repeating any of it. */
export async function readManifest(io: CliIo, file: string | undefined): Promise<CompanyManifest> {
  const manifest = await readJson(io, { file, what: 'the contents of the manifest', bytesMax, hint })
  if (isManifest(manifest)) return manifest
  throw new MisuseError('this is no manifest of a company', hint)
}

/** Says whether it is meant to be one; each member is the server's to check. */
function isManifest(given: unknown): given is CompanyManifest {
  const { format, version } = (given ?? {}) as { format?: unknown; version?: unknown }
  return format === 'paperclip-company' && version === 1
}
