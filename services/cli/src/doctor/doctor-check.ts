/** What one check found. `repair` is the next step, null when there is nothing to do. */
export interface CheckResult {
  readonly id: string
  readonly status: 'pass' | 'warn' | 'fail'
  readonly message: string
  readonly repair: string | null
}

/** Makes results of one check. */
export interface CheckResults {
  pass(message: string): CheckResult
  warn(message: string, repair?: string): CheckResult
  fail(message: string, repair?: string): CheckResult
}

/** Makes the results of the check named `id`. */
export function resultsOf(id: string): CheckResults {
  return {
    pass: (message) => ({ id, status: 'pass', message, repair: null }),
    warn: (message, repair) => ({ id, status: 'warn', message, repair: repair ?? null }),
    fail: (message, repair) => ({ id, status: 'fail', message, repair: repair ?? null })
  }
}

/** The worst of some results. */
export function worstOf(checks: readonly CheckResult[]): CheckResult['status'] {
  if (checks.some(({ status }) => status === 'fail')) return 'fail'
  return checks.some(({ status }) => status === 'warn') ? 'warn' : 'pass'
}

/** A safe sentence about a failure of our own kinds; of any other, its kind only. */
export function describeFailure(error: unknown): string {
  const {
    name = 'error',
    message = '',
    code,
    path
  } = (error ?? {}) as { name?: string; message?: string; code?: unknown; path?: unknown }
  if (ours.has(name)) return message.replace(/\.$/, '')
  // Of the file system: which file it was is no secret.
  if (typeof path === 'string') return `${path} cannot be read or written (${code})`
  return `${name}${code === undefined ? '' : ` (${code})`}`
}

const ours = new Set([
  ...['LaunchError', 'InstanceError', 'PostgresError', 'ClientError', 'KeyFileError', 'CliError'],
  'MisuseError'
])

/** What to do about a failure that somebody else's files may be the cause of; else `otherwise`. */
export function stepAfter(error: unknown, otherwise: string): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } }
  const isDenied = [code, cause?.code].some((each) => each === 'EACCES' || each === 'EPERM')
  return isDenied ? 'run this as the user who owns the instance, or change its mode' : otherwise
}

/** Makes a check whose own failure is its result: what one cannot look at keeps nobody from the others. */
export async function guarded(
  id: string,
  check: () => CheckResult | Promise<CheckResult>
): Promise<CheckResult> {
  try {
    return await check()
  } catch (error) {
    return resultsOf(id).fail(describeFailure(error), stepAfter(error, 'mend what the message names'))
  }
}
