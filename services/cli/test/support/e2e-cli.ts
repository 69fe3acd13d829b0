import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type InstancePaths, instancePaths, type Runtime, readRuntime } from '@paperclip/instance'
import { eventually, repositoryRoot, type StartedProcess, startProcess } from '@paperclip/testing'
import { newHome } from '../fixtures/launcher-harness.js'
import type { HasTeardown } from './e2e-installation.js'

/** The command line as npm links it. */
export const bin = join(repositoryRoot, 'services/cli/bin/paperclipai.js')

/** What one command wrote and how it ended. */
export interface CommandResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A home of its own, in which the real launcher and the real commands run. */
export interface Operator {
  readonly env: Readonly<Record<string, string>>
  readonly paths: InstancePaths
  /** Runs `paperclipai run` until the line that says where everything is. */
  launch(): Promise<Launched>
  /** Starts a command without waiting for its end. */
  start(args: readonly string[], more?: CommandOptions): Promise<StartedProcess>
  /** Runs a command to its end. */
  run(args: readonly string[], more?: CommandOptions): Promise<CommandResult>
  /** Runs a line of shell in the repository, as a reader of the README types it. */
  shell(line: string, more?: CommandOptions): Promise<CommandResult>
}

export interface Launched {
  readonly process: StartedProcess
  runtime(): Promise<Runtime>
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

const launchMsMax = 60_000

/** Makes an empty home with free ports. Its files and database go with the test. */
export async function newOperator(t: HasTeardown, more: Record<string, string> = {}): Promise<Operator> {
  const env: Record<string, string> = { ...(await newHome(t)), ...more }
  const paths = instancePaths({ home: env.PAPERCLIP_HOME ?? '', instanceId: 'default' })
  const start = (command: string, args: readonly string[], { env: added = {}, input }: CommandOptions = {}) =>
    startProcess(t, {
      command,
      args,
      cwd: repositoryRoot,
      env: { ...env, ...added },
      ...(input === undefined ? {} : { input })
    })
  const toEnd = async (started: StartedProcess): Promise<CommandResult> => {
    started.child.stdin?.end()
    return { ...(await started.ended), stdout: started.stdout(), stderr: started.stderr() }
  }
  return {
    env,
    paths,
    async launch() {
      const process = await start(globalThis.process.execPath, [bin, 'run'])
      await process.waitForLine(/^.*http:\/\/.*$/m, { deadlineMs: launchMsMax })
      const runtime = async () => {
        const found = await readRuntime(paths)
        if (found === undefined) throw new Error('there is no runtime.json')
        return found
      }
      return { process, runtime: () => eventually(runtime) }
    },
    start: (args, more) => start(process.execPath, [bin, ...args], more),
    run: async (args, more) => toEnd(await start(process.execPath, [bin, ...args], more)),
    shell: async (line, more) => toEnd(await start('sh', ['-c', line], more))
  }
}

/**
 * The commands that the README tells its reader to type, those of the `sh` blocks that call the command line. A sign-in
 * waits for a person; the test of identity approves one.
 */
export async function readmeCommands(): Promise<string[]> {
  const text = await readFile(join(repositoryRoot, 'README.md'), 'utf8')
  const blocks = [...text.matchAll(/```sh[^\n]*\n(.*?)```/gs)].map(([, block = '']) => block.trim())
  return blocks
    .filter((block) => block.includes('paperclipai ') && !block.includes('auth login'))
    .flatMap((block) => block.split('\n'))
}
