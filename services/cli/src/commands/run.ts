import type { Command } from 'commander'
import type { CliIo } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { launch } from '../launcher/launch.js'

/** `run`, which `npm start` calls. */
export function addRun(parent: Command, io: CliIo): void {
  parent
    .command('run')
    .description('start this instance: database, secrets service and gateway, until Ctrl-C')
    .addHelpText(
      'after',
      `
Makes what is missing (keys, configuration), starts PostgreSQL unless DATABASE_URL is set, migrates, starts
both services and restarts what dies. Honours PAPERCLIP_HOME, PAPERCLIP_INSTANCE_ID, PORT,
PAPERCLIP_SECRETS_PORT and DATABASE_URL.

Example:
  $ PORT=4100 paperclipai run`
    )
    .action(async () => {
      io.exitCode = await launch(await settledEnvironment(io.env), { stdout: io.stdout, stderr: io.stderr })
    })
}
