import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayClient } from '@paperclip/client'
import {
  type CliChallengeCreated,
  type CliChallengeView,
  cancelCliChallenge,
  confirmationCode,
  createCliChallenge,
  getCliChallenge,
  getCliMe,
  getHealth
} from '@paperclip/contracts'
import type { Command } from 'commander'
import { findApiAddress } from '../api/api-address.js'
import { type ApiFlags, openClient, withApiFlags } from '../api/api-session.js'
import { browserAddress } from '../api/browser-address.js'
import { keepSignIn } from '../api/sign-ins.js'
import { CliError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { printRecord } from '../output/print.js'
import { whoColumns } from './auth-whoami.js'

interface LoginFlags extends ApiFlags {
  readonly admin?: true
  readonly companyId?: string
  readonly name?: string
}

/** `auth login`. */
export function addAuthLogin(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('login').description('sign in to a gateway by approving it in a browser'))
    .option('--admin', 'ask for the rights of an instance admin')
    .option('--company-id <id>', 'ask for one company only')
    .option('--name <text>', 'what the key is called in the list of keys (default: paperclipai)')
    .addHelpText('after', '\nExample:\n  $ paperclipai auth login --api-url https://paperclip.example.com')
    .action(async (flags: LoginFlags) => {
      const address = await findApiAddress(io, flags.apiUrl)
      const stranger = openClient(address, null)
      try {
        const { deploymentMode } = await stranger.call(getHealth)
        if (deploymentMode === 'local_trusted') {
          await sayNoneNeeded(io, stranger, flags)
          return
        }
        const challenge = await beginSignIn(stranger, flags)
        const { status } = await awaitDecision(io, stranger, challenge)
        if (status !== 'approved') throw refusalOf(status)
        await finishSignIn(io, address, { token: challenge.boardApiToken, json: flags.json ?? false })
      } finally {
        await stranger.close()
      }
    })
}

/** Nobody could approve: there are no people, and no pages, where this machine is trusted. */
async function sayNoneNeeded(io: CliIo, client: GatewayClient, { json = false }: { json?: boolean }) {
  note(
    io,
    `no sign-in is needed at ${client.address}: in local_trusted mode every command of this machine is the operator's`
  )
  printRecord(io, { json, record: await client.call(getCliMe), columns: whoColumns })
}

function beginSignIn(client: GatewayClient, flags: LoginFlags): Promise<CliChallengeCreated> {
  const { admin, companyId, name } = flags
  return client.call(createCliChallenge, {
    body: {
      command: 'paperclipai auth login',
      clientName: name ?? 'paperclipai',
      requestedAccess: admin ? 'instance_admin_required' : 'board',
      ...(companyId === undefined ? {} : { requestedCompanyId: companyId })
    }
  })
}

/** Asks until somebody has decided or the time is up. Given up by a signal, the challenge is taken back. */
async function awaitDecision(
  io: CliIo,
  client: GatewayClient,
  challenge: CliChallengeCreated
): Promise<CliChallengeView> {
  const { id, token, suggestedPollIntervalMs } = challenge
  const gaveUp = new AbortController()
  const giveUp = () => gaveUp.abort()
  process.once('SIGINT', giveUp)
  process.once('SIGTERM', giveUp)
  note(io, `open this address and approve the sign-in: ${browserAddress(io, challenge.approvalUrl)}`)
  note(io, `the page must show the code ${confirmationCode(id)}`)
  note(io, 'waiting for the approval; Ctrl-C gives up')
  try {
    for (;;) {
      const view = await client.call(getCliChallenge, { params: { id }, query: { token } })
      if (view.status !== 'pending') return view
      await sleep(suggestedPollIntervalMs, undefined, { signal: gaveUp.signal }).catch(() => {})
      if (gaveUp.signal.aborted)
        return await client.call(cancelCliChallenge, { params: { id }, body: { token } })
    }
  } finally {
    process.off('SIGINT', giveUp)
    process.off('SIGTERM', giveUp)
  }
}

async function finishSignIn(
  io: CliIo,
  address: string,
  { token, json }: { token: string; json: boolean }
): Promise<void> {
  const client = openClient(address, token)
  try {
    const me = await client.call(getCliMe)
    const signedInAt = new Date().toISOString()
    await keepSignIn(io, address, { token, userId: me.userId, keyId: me.keyId ?? '', signedInAt })
    note(io, `signed in at ${client.address}`)
    printRecord(io, { json, record: me, columns: whoColumns })
  } finally {
    await client.close()
  }
}

function refusalOf(status: 'pending' | 'cancelled' | 'expired'): CliError {
  return status === 'expired'
    ? new CliError('nobody approved the sign-in in time', { hint: 'run `paperclipai auth login` again' })
    : new CliError('the sign-in was cancelled; nothing was changed')
}
