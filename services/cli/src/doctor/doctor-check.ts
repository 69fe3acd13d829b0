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
    code
  } = (error ?? {}) as { name?: string; message?: string; code?: unknown }
  const ours = ['LaunchError', 'InstanceError', 'PostgresError', 'ClientError', 'KeyFileError', 'CliError']
  return ours.includes(name) ? message.replace(/\.$/, '') : `${name}${code === undefined ? '' : ` (${code})`}`
}
