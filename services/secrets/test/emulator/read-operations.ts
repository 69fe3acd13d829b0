import { liveSecretOf, type Operation, secretOf } from './operation.js'
import { useKey } from './remote-key.js'
import { current, epochSeconds, holderOf, type RemoteSecret, type RemoteVersion } from './remote-secret.js'
import { invalidRequest, notFound } from './service-error.js'

export const getSecretValue: Operation = (call) => {
  const { parameters } = call
  const id = parameters.text('VersionId', { charactersMin: 32, charactersMax: 64 })
  const label = parameters.text('VersionStage', { charactersMax: 256 })
  const secret = liveSecretOf(call, 'GetSecretValue')
  const version = id === undefined ? holderOf(secret, label ?? current) : secret.versions.get(id)
  if (version === undefined) throw notFound('version by that id or label')
  if (id !== undefined && label !== undefined && !version.labels.has(label))
    throw invalidRequest('the label is not on that version')
  useKey(call.account, call.authorize, version.keyArn, ['kms:Decrypt'])
  const value = version.binary
    ? { SecretBinary: version.bytes.toString('base64') }
    : { SecretString: version.bytes.toString() }
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    ...value,
    VersionStages: [...version.labels],
    CreatedDate: epochSeconds(version.createdMs)
  }
}

export const describeSecret: Operation = (call) => {
  const secret = secretOf(call, 'DescribeSecret')
  return {
    ...metadataOf(secret),
    // Here the day on which it goes; the inventory shows the day on which that was asked for.
    ...(secret.deletion === null ? {} : { DeletedDate: epochSeconds(secret.deletion.dueMs) }),
    VersionIdsToStages: stagesOf(secret)
  }
}

/** What both a description and the inventory show of a secret. */
export function metadataOf(secret: RemoteSecret): Record<string, unknown> {
  return {
    ARN: secret.arn,
    Name: secret.name,
    ...(secret.description ? { Description: secret.description } : {}),
    ...(secret.keyId === null ? {} : { KmsKeyId: secret.keyId }),
    CreatedDate: epochSeconds(secret.createdMs),
    LastChangedDate: epochSeconds(secret.changedMs),
    Tags: [...secret.tags].map(([Key, Value]) => ({ Key, Value }))
  }
}

/** Versions without a label are not listed. */
export function stagesOf(secret: RemoteSecret): Record<string, string[]> {
  const labelled = [...secret.versions.values()].filter(({ labels }: RemoteVersion) => labels.size > 0)
  return Object.fromEntries(labelled.map(({ id, labels }) => [id, [...labels]]))
}
