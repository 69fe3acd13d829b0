import type { MasterKeyRotation, MasterKeyView, RotateMasterKey } from '@paperclip/contracts'
import { type Db, type Tx, transaction } from '@paperclip/db'
import { AppError, type Logger } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import {
  activateMasterKey,
  activeKeyOf,
  findActiveMasterKeyId,
  listMasterKeys,
  lockMasterKeys,
  type MasterKeyRow
} from '../keyring/keyring-store.js'
import { type HolderRow, listLiveHolders } from '../keyring/master-key-holder-store.js'
import type { MasterKeyring } from '../keyring/master-keyring.js'
import { claimNonce } from '../nonce/nonce-store.js'
import { retiredActivity, rotatedActivity } from './master-key-activity.js'
import { countWrapped, markRetired } from './master-key-store.js'
import { chooseTarget, holds, requireHeldByAll } from './master-key-target.js'
import { viewKeys } from './master-key-view.js'
import { rewrapAll } from './rewrap.js'

/** The rules of master keys. Key material is nowhere in them: keys are named by id. */
export interface MasterKeyService {
  list(): Promise<{ keys: MasterKeyView[]; holders: HolderRow[] }>
  /** Activates a key, if need be, and wraps company keys again for some seconds. May be called any number of times. */
  rotate(caller: Caller, input: RotateMasterKey): Promise<MasterKeyRotation>
  /** Retires a key that wraps nothing; one that is retired stays so. */
  retire(caller: Caller, masterKeyId: string): Promise<MasterKeyView>
  /** The id of the key that wraps. Throws `master_key_unavailable` when this process does not hold it. */
  checkActive(): Promise<string>
  /** What should be done about a rotation that is not finished. */
  findWarning(): Promise<string | undefined>
}

interface Deps {
  readonly db: Db<SecretsDatabase>
  readonly masterKeys: MasterKeyring
  readonly logger: Logger
}

interface Facts {
  readonly keys: readonly MasterKeyRow[]
  readonly holders: readonly HolderRow[]
}

const attemptsMax = 3

/** Makes the service over its database and the keys of this process. */
export function createMasterKeyService(deps: Deps): MasterKeyService {
  const { db, masterKeys } = deps

  async function list(reader: Db<SecretsDatabase> = db) {
    const keys = await listMasterKeys(reader)
    const holders = await listLiveHolders(reader)
    return { keys: viewKeys(keys, { holders, wrapped: await countWrapped(reader) }), holders }
  }

  /** Runs a change of the set of keys: alone, with its nonce. */
  function changing<T>(
    caller: Caller,
    work: (tx: Tx<SecretsDatabase>, facts: Facts) => Promise<T>
  ): Promise<T> {
    return transaction(
      db,
      async (tx) => {
        await claimNonce(tx, caller)
        await lockMasterKeys(tx, 'to change')
        return work(tx, { keys: await listMasterKeys(tx), holders: await listLiveHolders(tx) })
      },
      { attemptsMax }
    )
  }

  return {
    list: () => list(),

    async rotate(caller, { masterKeyId }) {
      const { activeKeyId, activated } = await changing(caller, async (tx, { keys, holders }) => {
        const target = chooseTarget(keys, holders, masterKeyId)
        requireHeldByAll(holders, target.id)
        const former = activeKeyOf(keys)
        if (former?.id === target.id) return { activeKeyId: target.id, activated: false }
        await activateMasterKey(tx, target.id)
        await insertActivity(tx, caller, rotatedActivity(target.id, former?.id ?? null))
        return { activeKeyId: target.id, activated: true }
      })
      const done = await rewrapAll(deps, caller, activeKeyId)
      return { activeKeyId, activated, ...done, remaining: await countOthers(db, activeKeyId) }
    },

    retire: (caller, masterKeyId) =>
      changing(caller, async (tx, { keys, holders }) => {
        const key = keys.find(({ id }) => id === masterKeyId)
        if (key === undefined)
          throw new AppError('not_found', { detail: 'The instance has no such master key.' })
        if (key.retired_at === null) {
          await requireUnused(tx, key, { keys, holders })
          await markRetired(tx, key.id)
          await insertActivity(tx, caller, retiredActivity(key.id))
        }
        const view = (await list(tx)).keys.find(({ id }) => id === masterKeyId)
        if (view === undefined) throw new TypeError('a master key vanished while it was retired')
        return view
      }),

    async checkActive() {
      const id = await findActiveMasterKeyId(db)
      if (id !== undefined && masterKeys.find(id) !== undefined) return id
      throw new AppError('master_key_unavailable', {
        detail: `This process does not hold the master key that wraps (${id ?? 'none is active'}): restart it with that key.`
      })
    },

    async findWarning() {
      const id = await findActiveMasterKeyId(db)
      const others = id === undefined ? 0 : await countOthers(db, id)
      return others === 0
        ? undefined
        : `${others} company keys are still wrapped by a former master key: run \`paperclipai master-key rotate\`.`
    }
  }
}

async function countOthers(db: Db<SecretsDatabase>, activeKeyId: string): Promise<number> {
  let others = 0
  for (const [id, count] of await countWrapped(db)) if (id !== activeKeyId) others += count
  return others
}

async function requireUnused(
  tx: Tx<SecretsDatabase>,
  key: MasterKeyRow,
  { keys, holders }: Facts
): Promise<void> {
  if (activeKeyOf(keys)?.id === key.id)
    throw new AppError('state_conflict', { detail: 'This master key is the one that wraps: rotate first.' })
  if (key.activated_at === null && holders.some((holder) => holds(holder, key.id)))
    throw new AppError('state_conflict', {
      detail: 'This master key waits to be activated: take it out of the configuration and restart first.'
    })
  const wrapped = (await countWrapped(tx)).get(key.id) ?? 0
  if (wrapped > 0)
    throw new AppError('in_use', {
      detail: `It still wraps ${wrapped} company keys: rotate to the end first.`
    })
}
