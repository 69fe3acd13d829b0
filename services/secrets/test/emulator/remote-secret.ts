import type { Tag } from './request-parameters.js'
import { limitExceeded } from './service-error.js'

export const current = 'AWSCURRENT'
export const previous = 'AWSPREVIOUS'

const versionsMax = 100
const labelsMax = 20
/** A younger version is kept even when there are too many. */
const versionAgeMsMin = 24 * 3_600_000

export interface RemoteVersion {
  readonly id: string
  readonly bytes: Buffer
  readonly binary: boolean
  readonly createdMs: number
  readonly keyArn: string | null
  readonly labels: Set<string>
}

export interface RemoteSecret {
  readonly arn: string
  readonly name: string
  readonly description: string | undefined
  readonly keyId: string | null
  readonly createdMs: number
  changedMs: number
  /** When deletion was asked for and when it happens; null for a secret in use. */
  deletion: { askedMs: number; dueMs: number } | null
  readonly tags: Map<string, string>
  readonly versions: Map<string, RemoteVersion>
}

/** Adds a version with its labels, and forgets the oldest unlabelled ones beyond about a hundred. */
export function addVersion(secret: RemoteSecret, version: RemoteVersion, labels: readonly string[]): void {
  if (secret.versions.size >= versionsMax) forgetOldest(secret, version.createdMs)
  const isFirst = secret.versions.size === 0
  const all = new Set([...secret.versions.values()].flatMap((known) => [...known.labels]))
  for (const label of labels) all.add(label)
  if (all.size > labelsMax) throw limitExceeded('staging labels')
  secret.versions.set(version.id, version)
  for (const label of isFirst ? new Set([...labels, current]) : labels) moveLabel(secret, label, version)
  secret.changedMs = version.createdMs
}

/** A label is on one version at a time; what was current becomes the previous one. */
export function moveLabel(secret: RemoteSecret, label: string, to: RemoteVersion | null): void {
  const from = holderOf(secret, label)
  if (from === to) return
  from?.labels.delete(label)
  to?.labels.add(label)
  if (label !== current || from === undefined) return
  holderOf(secret, previous)?.labels.delete(previous)
  from.labels.add(previous)
}

export function holderOf(secret: RemoteSecret, label: string): RemoteVersion | undefined {
  return [...secret.versions.values()].find(({ labels }) => labels.has(label))
}

export function putTags(secret: RemoteSecret, tags: readonly Tag[]): void {
  for (const { Key, Value } of tags) secret.tags.set(Key, Value)
}

/** Dates are seconds since 1970 with a fraction, not text. */
export const epochSeconds = (ms: number) => ms / 1000

function forgetOldest(secret: RemoteSecret, nowMs: number): void {
  for (const version of secret.versions.values()) {
    if (secret.versions.size < versionsMax) return
    if (version.labels.size === 0 && nowMs - version.createdMs >= versionAgeMsMin)
      secret.versions.delete(version.id)
  }
  if (secret.versions.size >= versionsMax) throw limitExceeded('versions')
}
