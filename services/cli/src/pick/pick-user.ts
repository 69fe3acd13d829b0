import type { GatewayClient } from '@paperclip/client'
import { listUsers, type UserView } from '@paperclip/contracts'
import { CliError } from '../cli-error.js'
import { wholePages } from '../output/list-rows.js'
import type { Column } from '../output/print.js'

/** Finds a person by id or by the address they sign in with. */
export async function pickUser(client: GatewayClient, user: string): Promise<UserView> {
  for await (const page of client.pages(listUsers, { query: wholePages }))
    for (const found of page)
      if (found.id === user || found.email.toLowerCase() === user.toLowerCase()) return found
  throw new CliError('there is no such user', { hint: 'see `paperclipai user list`' })
}

/** How people see people. */
export const userColumns: readonly Column<UserView>[] = [
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['email', (row) => row.email],
  ['instance admin', (row) => (row.isInstanceAdmin ? 'yes' : 'no')],
  ['created', (row) => row.createdAt]
]
