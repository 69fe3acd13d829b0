import { type InstancePaths, type Runtime, writeRuntime } from '@paperclip/instance'
import type { RunningPostgres } from '@paperclip/postgres'
import type { ChildLog } from './child-log.js'
import type { Child } from './child-process.js'
import type { ServiceName } from './database-roles.js'
import type { InstanceLock } from './instance-lock.js'
import type { Environment } from './launch-settings.js'
import type { Programs } from './programs.js'
import type { Running, Supervised } from './supervise.js'

/** A supervised service: the child of the moment. */
export interface RunningService extends Running {
  readonly child: Child
}

/** The supervised embedded server of the moment. */
export interface RunningDatabase extends Running {
  readonly server: RunningPostgres
}

/** Raised inside a start that the operator has ended. */
export class StopRequested extends Error {
  override readonly name = 'StopRequested'
}

/**
 * One run of the launcher: what it was given, and what it has started so far, so that a stop at any moment
 * finds everything.
 */
export class LaunchContext {
  readonly env: Environment
  readonly programs: Programs
  readonly #stderr: NodeJS.WritableStream
  stopping = false
  lock: InstanceLock | undefined
  paths: InstancePaths | undefined
  readonly logs: ChildLog[] = []
  readonly migrations: Child[] = []
  /** Before and after supervision begins. */
  readonly children: Partial<Record<ServiceName, Child>> = {}
  readonly services: Partial<Record<ServiceName, Supervised<RunningService>>> = {}
  server: RunningPostgres | undefined
  database: Supervised<RunningDatabase> | undefined
  #runtime: Runtime | undefined
  #saved: Promise<void> = Promise.resolve()

  constructor(env: Environment, options: { programs: Programs; stderr: NodeJS.WritableStream }) {
    this.env = env
    this.programs = options.programs
    this.#stderr = options.stderr
  }

  /** To be called right before something is started: nothing may start once a stop has begun. */
  ensureNotStopping(): void {
    if (this.stopping) throw new StopRequested()
  }

  /** Tells the operator something. */
  report(text: string): void {
    this.#stderr.write(`paperclipai: ${text}\n`)
  }

  /** Changes `runtime.json`; the writes keep their order. A failed one is reported, not fatal. */
  async saveRuntime(change: (before: Runtime | undefined) => Runtime | undefined): Promise<void> {
    this.#runtime = change(this.#runtime)
    const { paths } = this
    const runtime = this.#runtime
    if (runtime === undefined || paths === undefined || this.stopping) return
    this.#saved = this.#saved
      .then(async () => await writeRuntime(paths, runtime))
      .catch(() => {
        this.report(`warning: ${paths.runtime} could not be written`)
      })
    await this.#saved
  }

  /** Settles when no write of `runtime.json` is under way. */
  async runtimeSaved(): Promise<void> {
    await this.#saved
  }
}
