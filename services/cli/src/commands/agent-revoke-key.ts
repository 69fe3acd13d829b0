import { isUuid, revokeAgentKey } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { printJson } from '../output/print.js'
import { type CompanyFlags, pickCompanyOfAgent, withCompanyFlags } from '../pick/pick-company.js'
import { pickAgent } from '../pick/pick-named.js'

/** `agent revoke-key`. */
export function addAgentRevokeKey(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent.command('revoke-key').description('revoke a key; the next request with it is refused')
  )
    .argument('<agent>', 'its id or unique name')
    .argument('<key-id>', 'the id that `agent keys` shows')
    .addHelpText('after', '\nExample:\n  $ paperclipai agent revoke-key coder 0198f7a0-…')
    .action(async (agent: string, keyId: string, flags: CompanyFlags) => {
      // What is no id may be the token itself, so it is not repeated.
      if (!isUuid(keyId))
        throw new MisuseError('<key-id> is not an id', 'see `paperclipai agent keys <agent>`')
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
        const id = await pickAgent(client, companyId, agent)
        const result = await client.call(revokeAgentKey, { params: { id, keyId } })
        if (flags.json) printJson(io, result)
        else note(io, `key ${keyId} is revoked`)
      })
    })
}
