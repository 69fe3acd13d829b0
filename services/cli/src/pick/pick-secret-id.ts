import type { GatewayClient } from '@paperclip/client'
import { isUuid } from '@paperclip/contracts'
import type { CliIo } from '../cli-io.js'
import { type CompanyFlags, namedCompany, pickCompany } from './pick-company.js'
import { pickSecret } from './pick-named.js'

/** Finds the id of a secret. An id needs no company, and so no look-up: deleted secrets are found by it, too. */
export async function pickSecretId(
  client: GatewayClient,
  io: CliIo,
  { flags, secret }: { flags: CompanyFlags; secret: string }
): Promise<string> {
  namedCompany(io, flags)
  if (isUuid(secret)) return secret
  return await pickSecret(client, await pickCompany(client, io, flags), secret)
}
