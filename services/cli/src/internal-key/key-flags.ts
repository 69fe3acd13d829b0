import { isUuid } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
import { MisuseError } from '../cli-error.js'
import { gatewayCaller, toInstant } from './key-rules.js'

/** What a key of an internal service may do; `activity:write` is the gateway's alone. */
export const grantableScopes = ['resolve', 'audit:read'] as const

/** Flags of every `internal-key` command. */
export interface KeyFlags {
  readonly json?: true
  readonly keysFile?: string
}

const gatewayScope = 'activity:write'
/** Leaves room for the random part of a key's id, of which a caller is the beginning. */
const callerPattern = /^[a-z0-9][a-z0-9._-]{0,47}$/
const gracePattern = /^(\d{1,6})(s|m|h|d)$/
const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** Both services take up changed files within a second; what is under way has that much again, several times. */
const graceMsMin = 10_000
const graceMsMax = 30 * 86_400_000

/** Adds the flags that every `internal-key` command has. */
export function withKeyFlags(command: Command): Command {
  return command
    .option(
      '--keys-file <file>',
      'the list of keys (default: PAPERCLIP_INTERNAL_KEYS_FILE, else the instance)'
    )
    .option('--json', 'print JSON on stdout')
}

/** Reads a caller's name. Throws {@link InvalidArgumentError}. */
export function parseCaller(text: string): string {
  if (callerPattern.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 48 lower-case letters, digits, dots, dashes or _.')
}

/** Refuses the gateway's name where a key for another service is wanted. */
export function requireService(caller: string): void {
  if (caller === gatewayCaller)
    throw new MisuseError(
      'the gateway has its key already',
      '`paperclipai internal-key rotate gateway` gives it another'
    )
}

/** Reads one `--scope`. */
export function parseScope(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text === gatewayScope)
    throw new InvalidArgumentError(
      "It is the gateway's alone: whoever has it may speak for every user and agent."
    )
  if (!(grantableScopes as readonly string[]).includes(text))
    throw new InvalidArgumentError(`It must be ${grantableScopes.join(' or ')}.`)
  return earlier.includes(text) ? earlier : [...earlier, text]
}

/** Reads one `--company`. */
export function parseCompany(text: string, earlier: readonly string[] = []): readonly string[] {
  const id = text.toLowerCase()
  if (!isUuid(id)) throw new InvalidArgumentError('It must be the id of a company.')
  return earlier.includes(id) ? earlier : [...earlier, id]
}

/** Reads `--expires`: a UTC time, or a date, in the future. */
export function parseExpiry(text: string): string {
  const full = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(full) ? Date.parse(full) : Number.NaN
  // Date.parse moves 30 February into March.
  if (Number.isNaN(ms) || toInstant(ms).slice(0, 19) !== full.slice(0, 19))
    throw new InvalidArgumentError('It must be a UTC time like 2030-01-31T00:00:00Z.')
  if (ms <= Date.now()) throw new InvalidArgumentError('It must be in the future.')
  return toInstant(ms)
}

/** Reads `--grace`, as milliseconds. */
export function parseGrace(text: string): number {
  const [, count, unit = ''] = gracePattern.exec(text) ?? []
  const ms = Number(count) * (unitMs[unit] ?? Number.NaN)
  if (ms >= graceMsMin && ms <= graceMsMax) return ms
  throw new InvalidArgumentError(
    'It must be a time from 10s to 30d, such as 24h; `revoke` ends a key at once.'
  )
}
