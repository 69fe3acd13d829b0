import { ClientError, type GatewayClient } from '@paperclip/client'
import { getCliMe, localOperatorId, revokeCurrentBoardKey, revokeUserKeys } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { counted, printJson } from '../output/print.js'
import { pickUsers, requireOneOrAll } from '../pick/every-user.js'

interface Flags extends ApiFlags {
  readonly all?: true
  readonly this?: true
  readonly yes?: true
}

/** `user revoke-keys`: the board keys of people, with which their command lines and scripts sign in. */
export function addUserRevokeKeys(parent: Command, io: CliIo): void {
  withApiFlags(
    parent.command('revoke-keys').description('revoke the board keys of somebody, from the next request on')
  )
    .argument('[user]', 'the id or the email address')
    .option('--all', 'of everybody')
    .option('--this', 'the key of this very command, alone')
    .option('-y, --yes', 'with --all: do not ask; needed without a terminal')
    .addHelpText(
      'after',
      `
For instance admins. Command lines and scripts of theirs sign in again with \`paperclipai auth login\`. The key that this
command itself is signed in with stays; --this revokes it. End the sessions of the person first: a session makes keys.

Examples:
  $ paperclipai user revoke-keys ada@example.com
  $ paperclipai user revoke-keys --all --yes
  $ paperclipai user revoke-keys --this`
    )
    .action(async (user: string | undefined, flags: Flags) => {
      if (flags.this) {
        if (user !== undefined || flags.all) throw new MisuseError('--this goes alone', 'leave the rest out')
        await withApi(io, flags, (client) => revokeOwn(io, client, flags))
        return
      }
      requireOneOrAll(user, flags.all)
      if (flags.all && !flags.yes && !io.stdin.isTTY)
        throw new MisuseError('this revokes the keys of everybody', 'say --yes')
      await withApi(io, flags, (client) => revokeOthers(io, client, { user, flags }))
    })
}

async function revokeOthers(
  io: CliIo,
  client: GatewayClient,
  { user, flags: { all, yes, json } }: { user: string | undefined; flags: Flags }
): Promise<void> {
  const users = await pickUsers(client, { user, all })
  if (all && !yes) await confirmOrFail(io, `Revoke the board keys of all ${users.length} people?`)
  // From the days of local_trusted there may be keys of the operator, who is no user.
  const ids = [...users.map(({ id }) => id), ...(all ? [localOperatorId] : [])]
  let revoked = 0
  for (const id of ids) revoked += await revokeKeysOf(client, id, { mayBeGone: all === true })
  if (json) printJson(io, { revoked })
  else
    note(
      io,
      `revoked ${counted(revoked, 'board key')} of ${all ? 'everybody' : (users[0]?.email ?? 'nobody')}`
    )
}

async function revokeKeysOf(
  client: GatewayClient,
  id: string,
  { mayBeGone }: { mayBeGone: boolean }
): Promise<number> {
  try {
    return (await client.call(revokeUserKeys, { params: { id } })).revoked
  } catch (error) {
    if (mayBeGone && error instanceof ClientError && error.code === 'not_found') return 0
    throw error
  }
}

async function revokeOwn(io: CliIo, client: GatewayClient, { json }: Flags): Promise<void> {
  const { keyId } = await client.call(getCliMe)
  if (keyId !== null) await client.call(revokeCurrentBoardKey)
  if (json) printJson(io, { keyId, revoked: keyId !== null })
  // The local operator has none.
  else if (keyId === null) note(io, 'this command is signed in without a board key; nothing to do')
  else note(io, 'the board key of this command is revoked')
  if (keyId !== null) hint(io, 'sign in again with `paperclipai auth login`')
}
