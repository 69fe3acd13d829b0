import { join } from 'node:path'
import { repositoryRoot, startProcess, type Teardown } from '@paperclip/testing'

/** What trying a guide wrote, and how it ended: 0 when all was as it says. */
export interface TriedGuide {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What the runner is given besides `--built`. */
interface GuideOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Long enough for what a try ends and removes after a signal, before it is killed and could not. */
const graceMs = 45_000

/**
 * Runs `deploy/guide/run.mjs` on a guide, with this clone as it was built: the path is from the root of the repository.
 * Ended with the test, it still removes what it made.
 */
export async function tryGuide(t: Teardown, path: string, options: GuideOptions = {}): Promise<TriedGuide> {
  const started = await startGuide(t, path, options)
  const { code } = await started.ended
  return { code, stdout: started.stdout(), stderr: started.stderr() }
}

/** The same, without waiting for its end. */
export async function startGuide(t: Teardown, path: string, { args = [], env = {} }: GuideOptions = {}) {
  // With its own, shorter grace, a try that is cut off would leave an instance behind.
  const mine = { teardown: () => undefined }
  const started = await startProcess(mine, {
    command: process.execPath,
    args: [join(repositoryRoot, 'deploy/guide/run.mjs'), path, '--built', ...args],
    cwd: repositoryRoot,
    env
  })
  t.teardown(() => started.stop({ graceMs }))
  return started
}
