import { ClientError } from '@paperclip/client'
import { looksLikeCredential } from '@paperclip/contracts'
import { InstanceError } from '@paperclip/instance'
import { PostgresError } from '@paperclip/postgres'
import { CommanderError } from 'commander'
import { CliError, exitCodes } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { LaunchError } from '../launcher/launch-error.js'
import { hintFor } from './problem-hints.js'

/** Tells a failure on stderr, one line and a hint, and returns the exit code. Never a stack, never a value. */
export function reportFailure(io: CliIo, error: unknown): number {
  // commander has written its own line already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.misuse
  if (error instanceof CliError) {
    note(io, error.message)
    for (const line of error.lines) note(io, `  ${line}`)
    if (error.hint !== undefined) hint(io, error.hint)
    return error.exitCode
  }
  if (error instanceof ClientError) return reportClientError(io, error)
  if (error instanceof LaunchError || error instanceof InstanceError || error instanceof PostgresError) {
    note(io, error.message)
    return exitCodes.failed
  }
  // Messages of the runtime may quote what they were given, so only the kind is told.
  const { name = 'error', code, path } = (error ?? {}) as { name?: string; code?: unknown; path?: unknown }
  if (typeof path === 'string' && typeof code === 'string' && ofRights.has(code)) {
    const file = looksLikeCredential(path) ? 'a file' : path.replace(/\.tmp-[0-9a-f]+$/, '')
    note(io, `${file} cannot be used by this user (${code})`)
    hint(
      io,
      'look at the owner and mode of it and of its folder; an instance is used by the user who owns it'
    )
    return exitCodes.failed
  }
  note(io, `something failed inside this command (${name}${code === undefined ? '' : `, ${code}`})`)
  return exitCodes.failed
}

/** What the system says where rights are missing. */
const ofRights: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** One line for the failure, one for each faulty place, one for what to do. */
export function reportClientError(io: CliIo, error: ClientError): number {
  const code = error.status === 0 ? '' : ` (${error.code})`
  note(io, `${withoutStop(error.detail)}${code}`)
  for (const { pointer, message, code: entryCode } of error.errors)
    note(io, `  ${pointer}: ${withoutStop(message)}${entryCode === undefined ? '' : ` (${entryCode})`}`)
  const next = hintFor(error)
  if (next !== undefined) hint(io, next)
  else if (error.status >= 500 && error.requestId !== null)
    hint(io, `the server's log says more about request ${error.requestId}`)
  return exitCodes.failed
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '')
}
