import { describeInstance } from './describe-instance.js'
import { LaunchContext, StopRequested } from './launch-context.js'
import { describeLaunchFailure } from './launch-error.js'
import type { Environment } from './launch-settings.js'
import { builtPrograms, type Programs } from './programs.js'
import { startInstance } from './start-instance.js'
import { stopInstance } from './stop-instance.js'
import { listenForStop } from './stop-request.js'

/** Where the launcher writes, and what it starts. */
export interface LaunchOptions {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** The built services, unless a test brings its own. */
  readonly programs?: Programs
}

/**
 * Runs an instance until SIGINT, SIGTERM or SIGHUP: `paperclipai run` and `npm start`.
 *
 * Makes what is missing, starts PostgreSQL (unless `DATABASE_URL` is set), migrates, starts both services
 * and says in one line on `stdout` where everything is. Whatever dies is started again. At the end, also
 * of a start that fails, nothing is left running; if this process is killed, its children notice and stop.
 * Resolves to the exit code and never rejects: 0 after a stop, 1 when the instance could not be started.
 */
export async function launch(env: Environment, options: LaunchOptions): Promise<number> {
  const { stdout, stderr, programs = builtPrograms() } = options
  const context = new LaunchContext(env, { programs, stderr })
  const stop = listenForStop()
  const started = startInstance(context)
  const stopRequested = stop.requested.then(() => Promise.reject(new StopRequested()))
  try {
    const instance = await Promise.race([started, stopRequested])
    stdout.write(`${describeInstance(instance, env)}\n`)
    if (instance.claim !== null) stdout.write(`${instance.claim}\n`)
    await stop.requested
    return 0
  } catch (error) {
    if (error instanceof StopRequested) return 0
    context.report(describeLaunchFailure(error))
    return 1
  } finally {
    await stopInstance(context, { started, urgent: stop.urgent })
    stop.close()
  }
}
