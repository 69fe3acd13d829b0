import { exitCodes } from '../cli-error.js'
import { type CliIo, hint } from '../cli-io.js'
import { printJson, printRows } from '../output/print.js'
import { type CheckResult, worstOf } from './doctor-check.js'

/** Prints what checks found, the next steps on stderr for people, and lets the process exit with 1 when one failed. */
export function reportChecks(
  io: CliIo,
  { json, checks }: { json: boolean; checks: readonly CheckResult[] }
): void {
  const status = worstOf(checks)
  if (json) printJson(io, { status, checks })
  else printChecks(io, checks)
  io.exitCode = status === 'fail' ? exitCodes.failed : exitCodes.ok
}

function printChecks(io: CliIo, checks: readonly CheckResult[]): void {
  printRows(io, {
    json: false,
    rows: checks,
    columns: [
      ['status', ({ status }) => status],
      ['check', ({ id }) => id],
      ['message', ({ message }) => message]
    ]
  })
  for (const { id, repair } of checks) if (repair !== null) hint(io, `${id}: ${repair}`)
}
