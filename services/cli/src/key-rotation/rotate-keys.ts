import { setTimeout as sleep } from 'node:timers/promises'
import { ClientError, type GatewayClient } from '@paperclip/client'
import { createAgentKey, revokeAgentKey } from '@paperclip/contracts'
import { type CliIo, note } from '../cli-io.js'
import { hasKeyFile, keyFileOf, writeKeyFile } from './key-file.js'
import { openKeysOf } from './plan-rotation.js'
import type { PlannedKey, RotationLedger } from './rotation-ledger.js'

/** After so many keys the person is told how far it is. */
const progressKeys = 50
const msPerSecond = 1_000
/** A key that runs out within this time is not worth a successor, which the gateway would refuse. */
const lifetimeMsMin = 60_000

/** Where the tokens go, and what is known of the rotation so far. */
export interface KeyRotation {
  readonly folder: string
  readonly ledger: RotationLedger
}

/**
 * Replaces every key of the plan: makes a successor of the same name and end, writes its token, and only then revokes
 * the key. Cut off at any moment, by a kill too, the same call goes on; a successor whose token nobody got is revoked.
 * A key that has run out, or whose agent is gone meanwhile, gets no successor.
 */
export async function rotateKeys(io: CliIo, client: GatewayClient, rotation: KeyRotation): Promise<void> {
  const { ledger } = rotation
  const left = ledger.keys.filter(({ keyId }) => ledger.progressOf(keyId)?.step !== 'revoked')
  const before = ledger.keys.length - left.length
  if (before > 0 && left.length > 0) note(io, `going on after ${before} of ${ledger.keys.length} keys`)
  for (const [index, key] of left.entries()) {
    await rotateKey(io, client, rotation, key)
    const done = before + index + 1
    if (done % progressKeys === 0) note(io, `${done} of ${ledger.keys.length} keys …`)
  }
}

async function rotateKey(
  io: CliIo,
  client: GatewayClient,
  rotation: KeyRotation,
  key: PlannedKey
): Promise<void> {
  const { ledger } = rotation
  const { keyId, agentId } = key
  const written = await findSuccessor(io, client, rotation, key)
  const successor = written ?? (await makeSuccessor(io, client, rotation, key))
  await unlessGone(client.call(revokeAgentKey, { params: { id: agentId, keyId } }))
  await ledger.note({ keyId, step: 'revoked', ...successor })
}

type Successor = { readonly newKeyId: string; readonly file: string }

/** What an earlier call has made. Of what it made in vain, nothing is left after this. */
async function findSuccessor(
  io: CliIo,
  client: GatewayClient,
  { ledger, folder }: KeyRotation,
  key: PlannedKey
): Promise<Successor | null> {
  const progress = ledger.progressOf(key.keyId)
  if (progress?.newKeyId !== undefined && progress.file !== undefined)
    return { newKeyId: progress.newKeyId, file: progress.file }
  if (progress === undefined) return null
  const known = new Set([...ledger.keys.map(({ keyId }) => keyId), ...ledger.newKeyIds()])
  const keys = (await unlessGone(openKeysOf(client, key.agentId))) ?? []
  let found: Successor | null = null
  for (const { id } of keys.filter(({ id, name }) => name === key.name && !known.has(id)))
    if (hasKeyFile(folder, key, id)) found = { newKeyId: id, file: keyFileOf(folder, key, id) }
    else {
      await unlessGone(client.call(revokeAgentKey, { params: { id: key.agentId, keyId: id } }))
      note(io, `revoked key ${id} (${key.name}) of ${key.agent}: made before this was cut off, in vain`)
    }
  return found
}

async function makeSuccessor(
  io: CliIo,
  client: GatewayClient,
  { ledger, folder }: KeyRotation,
  { agentId, keyId, name, expiresAt, ...rest }: PlannedKey
): Promise<Successor | null> {
  if (expiresAt !== null && Date.parse(expiresAt) < Date.now() + lifetimeMsMin) return null
  await ledger.note({ keyId, step: 'creating' })
  const create = () => client.call(createAgentKey, { params: { id: agentId }, body: { name, expiresAt } })
  const made = await unlessGone(whenAllowed(io, create))
  if (made === null) return null
  const file = keyFileOf(folder, { ...rest, agentId, keyId, name, expiresAt }, made.id)
  await writeKeyFile(folder, file, made.token)
  const successor = { newKeyId: made.id, file }
  await ledger.note({ keyId, step: 'written', ...successor })
  return successor
}

/** Comes again when the gateway's limit of new keys says when. */
async function whenAllowed<T>(io: CliIo, call: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'rate_limited') throw error
      const seconds = error.retryAfterSeconds ?? 1
      note(io, `the gateway makes no more keys for ${seconds} s; waiting`)
      await sleep(seconds * msPerSecond)
    }
}

/** Null when the agent or key is no more, which is as good as revoked. */
async function unlessGone<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    const isGone = error instanceof ClientError && ['not_found', 'agent_inactive'].includes(error.code)
    if (!isGone) throw error
    return null
  }
}
