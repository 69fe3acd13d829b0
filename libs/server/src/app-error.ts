import { type ProblemCode, type ProblemEntry, problems } from '@paperclip/contracts'

interface AppErrorOptions {
  /** For the caller: what, where, how to mend it. Never a value, key, ARN or provider text. */
  detail?: string
  errors?: ProblemEntry[]
  /** For the log only. */
  cause?: unknown
  context?: Record<string, string | number | boolean | null>
  retryAfterSeconds?: number
}

/** An error with a place in the problem table: its code decides status and title. */
export class AppError extends Error {
  readonly code: ProblemCode
  readonly errors: ProblemEntry[] | undefined
  readonly context: Record<string, string | number | boolean | null>
  readonly retryAfterSeconds: number | undefined

  constructor(code: ProblemCode, options: AppErrorOptions = {}) {
    super(options.detail ?? problems[code].title, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.errors = options.errors
    this.context = options.context ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  get status(): number {
    return problems[this.code].status
  }
}
