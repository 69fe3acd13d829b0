import { createReadStream } from 'node:fs'
import { type CompanyManifest, limits } from '@paperclip/contracts'
import { CliError, MisuseError } from './cli-error.js'
import type { CliIo } from './cli-io.js'

/** Reads what `company export` printed, from a file or stdin. Throws without repeating any of it. */
export async function readManifest(io: CliIo, file: string | undefined): Promise<CompanyManifest> {
  const manifest = parse(
    await readText(file === undefined || file === '-' ? io.stdin : createReadStream(file))
  )
  if (isManifest(manifest)) return manifest
  throw new MisuseError('this is no manifest of a company', 'give what `company export` prints')
}

/** Says whether it is meant to be one; each member is the server's to check. */
function isManifest(given: unknown): given is CompanyManifest {
  const { format, version } = (given ?? {}) as { format?: unknown; version?: unknown }
  return format === 'paperclip-company' && version === 1
}

async function readText(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of source) {
      bytes += chunk.length
      // Printed with indents it is larger than it is sent.
      if (bytes > 4 * limits.manifestBodyBytesMax) throw new CliError('the manifest is too large')
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`the manifest cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Without the reason: it would quote the text.
    throw new MisuseError('the manifest is no JSON', 'give what `company export` prints')
  }
}
