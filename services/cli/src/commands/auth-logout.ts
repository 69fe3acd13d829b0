import { ClientError } from '@paperclip/client'
import { revokeCurrentBoardKey } from '@paperclip/contracts'
import type { Command } from 'commander'
import { findApiAddress } from '../api/api-address.js'
import { type ApiFlags, openClient, withApiFlags } from '../api/api-session.js'
import { findSignIn, forgetSignIn } from '../api/sign-ins.js'
import { type CliIo, note } from '../cli-io.js'
import { printJson } from '../output/print.js'

/** `auth logout`. */
export function addAuthLogout(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('logout').description('revoke the key of `auth login` and forget it'))
    .addHelpText('after', '\nExample:\n  $ paperclipai auth logout')
    .action(async (flags: ApiFlags) => {
      const address = await findApiAddress(io, flags.apiUrl)
      const signIn = await findSignIn(io, address)
      if (signIn === null) note(io, 'not signed in there; nothing to do')
      else {
        // Revoked before it is forgotten: a key that cannot be reached stays known until it is dead.
        await revoke(address, signIn.token)
        await forgetSignIn(io, address)
        note(io, 'signed out; the key is revoked')
      }
      if (flags.json) printJson(io, { signedOut: signIn !== null })
    })
}

async function revoke(address: string, token: string): Promise<void> {
  const client = openClient(address, token)
  try {
    await client.call(revokeCurrentBoardKey)
  } catch (error) {
    if (!(error instanceof ClientError) || error.status !== 401) throw error
  } finally {
    await client.close()
  }
}
