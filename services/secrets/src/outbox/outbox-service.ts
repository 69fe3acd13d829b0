import { newId, type OutboxItem } from '@paperclip/contracts'
import { type Db, type Tx, transaction } from '@paperclip/db'
import type { Caller } from '../auth/caller.js'
import { deleteBindings, deleteBindingsOf } from '../binding/binding-store.js'
import type { SecretsDatabase } from '../database.js'
import { deleteEnvironment, deleteEnvironmentsOf } from '../environment/environment-store.js'
import { shredCompanyKey } from '../keyring/keyring-store.js'
import { claimNonce } from '../nonce/nonce-store.js'
import { deleteSecretsOf } from '../secret/secret-store.js'
import { disableVaultsOf } from '../vault/vault-store.js'
import { claimItem, insertDelivered } from './outbox-store.js'

/** Takes what the gateway's outbox delivers. */
export interface OutboxService {
  /** Applies items in order, each exactly once; gives the number that were new. All or none. */
  apply(caller: Caller, items: readonly OutboxItem[]): Promise<number>
}

/** Makes the service. */
export function createOutboxService(db: Db<SecretsDatabase>): OutboxService {
  return {
    apply: (caller, items) =>
      transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          let applied = 0
          for (const item of items) {
            if (!(await claimItem(tx, item.id))) continue
            if (item.activity !== null) await insertDelivered(tx, item.id, item.activity)
            if (item.command !== null) await obey(tx, item.command)
            applied++
          }
          return applied
        },
        { attemptsMax: 3 }
      )
  }
}

async function obey(tx: Tx<SecretsDatabase>, command: NonNullable<OutboxItem['command']>): Promise<void> {
  switch (command.type) {
    case 'target.deleted':
      // In the order of whoever saves an environment, or the two could wait for each other.
      await deleteEnvironment(tx, command)
      await deleteBindings(tx, command)
      break
    case 'company.deleted':
      await deleteEnvironmentsOf(tx, command.companyId)
      await deleteBindingsOf(tx, command.companyId)
      await deleteSecretsOf(tx, command.companyId)
      await disableVaultsOf(tx, command.companyId)
      await shredCompanyKey(tx, { id: newId(), companyId: command.companyId })
      break
  }
}
