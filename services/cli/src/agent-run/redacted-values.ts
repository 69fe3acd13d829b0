import {
  isRedactable,
  type Redaction,
  RedactionError,
  redactedBytesMin,
  redactionOf
} from '@paperclip/client'
import { isSensitive, type ResolvedEnvironment } from '@paperclip/contracts'
import { CliError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'

/**
 * Prepares the masking of what a command may not show: the values of secrets, the run's token, and whatever else in
 * its environment is sensitive by name or look. Other variables stay: masking `production` would spoil all output.
 *
 * Tells, by name, which values are too short to be masked.
 */
export function redactionOfRun(
  io: CliIo,
  { env, manifest }: { env: Readonly<Record<string, string>>; manifest: ResolvedEnvironment['manifest'] }
): Redaction {
  const secretNames = new Set(manifest.map(({ envKey }) => envKey))
  const hidden = Object.entries(env).filter(
    ([name, value]) => secretNames.has(name) || isSensitive(name, value)
  )
  for (const [name, value] of hidden)
    if (value.trim() !== '' && !isRedactable(value))
      note(io, `--redact: the value of ${name} is shorter than ${redactedBytesMin} bytes and is not masked`)
  try {
    return redactionOf(hidden.map(([, value]) => value))
  } catch (error) {
    if (!(error instanceof RedactionError)) throw error
    throw new CliError(`--redact: ${error.message}`, {
      hint: 'run the command without --redact, its output elsewhere'
    })
  }
}
