/**
 * Watches what a test starts for what may never be seen: values, references and texts of a provider in log lines,
 * replies and rows. No test has to do anything for it. What it reports names place and kind, never what was found.
 */
import { redactionPlaceholder } from '@paperclip/contracts'
import { isConnectionFailure, isLockTimeout, isStatementTimeout } from '@paperclip/db'
import { type Emulator, startedEmulators } from '../emulator/emulator.js'
import { providerTextMarker } from '../emulator/held-secrets.js'
import { findRoute, forbiddenInLogs, forbiddenInReply, type LeakKind, rowRules } from './leak-rules.js'
import { createNeedleFinder, formsOf, needleCharsMax, needleCharsMin } from './needle-finder.js'

/** A request as it went out and what came back. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly sent: Uint8Array | null
  readonly status: number
  readonly text: string
}

/** As much of a pool as rows are read by. */
interface Rows {
  query(text: string): Promise<{ rows: { rule: number; text: string | null }[] }>
}

/** Collects what was seen, and judges it when everything that is secret is known. */
export interface LeakWatch {
  noteExchange(exchange: Exchange): void
  noteLog(line: string): void
  /** Reads every table. What cannot be reached any more is left out. */
  noteRows(database: Rows): Promise<void>
  /** Where something was seen that may not be seen there; what was judged is forgotten. */
  takeLeaks(): string[]
}

interface Seen {
  readonly where: string
  readonly text: string
  readonly forbidden: readonly LeakKind[]
}

/** Makes a watch for everything that the emulators of this process hold. */
export function createLeakWatch(emulators: readonly Emulator[] = startedEmulators): LeakWatch {
  const ownValues = new Set<string>()
  let seen: Seen[] = []
  return {
    noteExchange(exchange) {
      const { method, path, status, text } = exchange
      noteValue(ownValues, exchange)
      const where = `the ${status} of ${method} ${path.replaceAll(/[0-9a-f-]{36}/g, ':id')}`
      seen.push({ where, text, forbidden: forbiddenInReply(method, path, status) })
      for (const problem of problemFrames(exchange))
        seen.push({ where: `a frame of ${where}`, text: problem, forbidden: forbiddenInLogs })
    },
    noteLog(line) {
      seen.push({ where: `the log line "${messageOf(line)}"`, text: line, forbidden: forbiddenInLogs })
    },
    async noteRows(database) {
      const { rows } = await database.query(allRows).catch((error: unknown) => {
        if (isConnectionFailure(error) || isStatementTimeout(error) || isLockTimeout(error))
          return { rows: [] }
        throw error
      })
      for (const { rule, text } of rows) {
        const { table, forbidden } = rowRules[rule] ?? { table: 'unknown', forbidden: forbiddenInLogs }
        if (text !== null) seen.push({ where: `a row of ${table}`, text, forbidden })
      }
    },
    takeLeaks() {
      const judged = seen
      seen = []
      const finder = createNeedleFinder(needlesOf(emulators, ownValues))
      const leaks = judged.flatMap(({ where, text, forbidden }) => {
        const kinds = finder.kindsIn(text)
        if (arnShape.test(text)) kinds.add('ARN')
        return [...kinds]
          .filter((kind) => forbidden.some((one) => one === kind))
          .map((kind) => `${where}: ${kind}`)
      })
      return [...new Set(leaks)]
    }
  }
}

const arnShape = /arn:aws[a-z-]*:[a-z0-9-]+:/i

/** A name of such characters alone could as well be one of our keys, which may be shown. */
const keyShape = /^[A-Za-z0-9_.-]+$/

function* needlesOf(
  emulators: readonly Emulator[],
  ownValues: ReadonlySet<string>
): Iterable<[string, LeakKind]> {
  yield [providerTextMarker, 'provider text']
  for (const value of ownValues) yield* needles(value, 'value')
  for (const { account, held, settings } of emulators) {
    yield* needles(account.accountId, 'ARN')
    for (const value of held.values) yield* needles(value, 'value')
    for (const name of held.names) if (!keyShape.test(name)) yield* needles(name, 'remote name')
    for (const { accessKeyId, secretAccessKey, sessionToken } of settings.credentials)
      for (const secret of [accessKeyId, secretAccessKey, sessionToken ?? ''])
        yield* needles(secret, 'credential')
  }
}

function* needles(text: string, kind: LeakKind): Iterable<[string, LeakKind]> {
  if (text.length < needleCharsMin) return
  for (const form of formsOf(text.slice(0, needleCharsMax))) yield [form, kind]
}

const allRows = rowRules
  .map(
    ({ table, row }, rule) =>
      `select ${rule} as rule, string_agg((${row})::text, ' ') as text from ${table} t`
  )
  .join(' union all ')

/** Values on their way in are secret wherever they are kept. */
function noteValue(values: Set<string>, { method, path, sent }: Exchange): void {
  const operation = findRoute(method, path)?.config.operationId
  if (sent === null || (operation !== 'createSecret' && operation !== 'rotateSecret')) return
  try {
    const { value } = Object(JSON.parse(Buffer.from(sent).toString()))
    if (typeof value === 'string' && value.trim() !== redactionPlaceholder) values.add(value)
  } catch {
    // Not JSON: it gets no further than the parser.
  }
}

/** A batch is a success even when items of it were refused. */
function problemFrames({ path, status, text }: Exchange): string[] {
  if (status !== 200 || !path.endsWith('/resolve-batch')) return []
  const lines = text.split('\n')
  return lines.filter((_, index) => index % 2 === 1 && Number(lines[index - 1]?.split(' ')[1]) >= 400)
}

function messageOf(line: string): string {
  const { msg = 'request', code } = JSON.parse(line)
  return code === undefined ? msg : `${msg} (${code})`
}
