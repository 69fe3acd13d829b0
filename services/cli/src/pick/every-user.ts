import type { GatewayClient } from '@paperclip/client'
import { listUsers, type UserView } from '@paperclip/contracts'
import { MisuseError } from '../cli-error.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { pickUser } from './pick-user.js'

/** Gives the user who was named, or everybody, oldest first. Misuse when neither or both were asked for. */
export async function pickUsers(
  client: GatewayClient,
  { user, all }: { user: string | undefined; all: true | undefined }
): Promise<UserView[]> {
  if (user !== undefined) return [await pickUser(client, user)]
  return all ? (await allRows(client.pages(listUsers, { query: wholePages }))).reverse() : []
}

/** Refuses a command line that names nobody, or somebody and everybody. */
export function requireOneOrAll(user: string | undefined, all: true | undefined): void {
  if (user === undefined && all === undefined)
    throw new MisuseError('nobody is named', 'give an id or an email address, or --all')
  if (user !== undefined && all)
    throw new MisuseError('a user and --all are both given', 'leave one of them out')
}
