import { newId, type OutboxItem } from '@paperclip/contracts'
import { type Db, type Tx, transaction } from '@paperclip/db'
import type { Caller } from '../auth/caller.js'
import { deleteBindings, deleteBindingsOf } from '../binding/binding-store.js'
import type { SecretsDatabase } from '../database.js'
import { deleteEnvironment, deleteEnvironmentsOf } from '../environment/environment-store.js'
import { shredCompanyKey } from '../keyring/keyring-store.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { RemoteDeletionService } from '../remote-deletion/remote-deletion-service.js'
import { deleteSecretsOf } from '../secret/secret-store.js'
import { disableVaultsOf } from '../vault/vault-store.js'
import { claimItem, insertDelivered } from './outbox-store.js'

/** Takes what the gateway's outbox delivers. */
export interface OutboxService {
  /** Applies items in order, each exactly once; gives the number that were new. All or none. */
  apply(caller: Caller, items: readonly OutboxItem[]): Promise<number>
}

interface OutboxServiceDeps {
  db: Db<SecretsDatabase>
  remoteDeletions: Pick<RemoteDeletionService, 'enqueueSecrets'>
  /** Told once remote deletions may have been committed. */
  onRemoteDeletions: () => void
}

/** Makes the service. */
export function createOutboxService({
  db,
  remoteDeletions,
  onRemoteDeletions
}: OutboxServiceDeps): OutboxService {
  return {
    async apply(caller, items) {
      const applied = await transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          let applied = 0
          for (const item of items) {
            if (!(await claimItem(tx, item.id))) continue
            if (item.activity !== null) await insertDelivered(tx, item.id, item.activity)
            if (item.command !== null) await obey(tx, item.command, remoteDeletions)
            applied++
          }
          return applied
        },
        { attemptsMax: 3 }
      )
      if (items.some(({ command }) => command?.type === 'company.deleted')) onRemoteDeletions()
      return applied
    }
  }
}

async function obey(
  tx: Tx<SecretsDatabase>,
  command: NonNullable<OutboxItem['command']>,
  remoteDeletions: OutboxServiceDeps['remoteDeletions']
): Promise<void> {
  switch (command.type) {
    case 'target.deleted':
      // In the order of whoever saves an environment, or the two could wait for each other.
      await deleteEnvironment(tx, command)
      await deleteBindings(tx, command)
      break
    case 'company.deleted': {
      const { companyId } = command
      await deleteEnvironmentsOf(tx, companyId)
      await deleteBindingsOf(tx, companyId)
      const secretIds = await deleteSecretsOf(tx, companyId)
      // After whatever is being written has ended or must find its secret gone; before all vaults count as disabled.
      await remoteDeletions.enqueueSecrets(tx, { companyId, secretIds, firstAttempt: 'worker' })
      await disableVaultsOf(tx, companyId)
      await shredCompanyKey(tx, { id: newId(), companyId })
      break
    }
  }
}
