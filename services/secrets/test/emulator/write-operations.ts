import { liveSecretOf, type Operation } from './operation.js'
import { newArn, purgeDue } from './remote-account.js'
import { keyArnOf, useKey } from './remote-key.js'
import { addVersion, current, holderOf, moveLabel, putTags, type RemoteSecret } from './remote-secret.js'
import { exists, invalidParameter, invalidRequest, limitExceeded, notFound } from './service-error.js'

const tagsMax = 50

type Value = { bytes: Buffer; binary: boolean }

export const createSecret: Operation = (call) => {
  const { account, parameters, nowMs } = call
  purgeDue(account, nowMs)
  const name = parameters.secretName()
  const token = parameters.token()
  const description = parameters.text('Description', { charactersMin: 0, charactersMax: 2048 })
  const keyId = parameters.text('KmsKeyId', { charactersMin: 0, charactersMax: 2048 }) || null
  const [tags, value] = [parameters.tags(), parameters.value()]
  const arn = newArn(account, name)
  call.authorize('secretsmanager:CreateSecret', arn)
  if (tags.length > 0) call.authorize('secretsmanager:TagResource', arn)
  const known = account.secrets.get(name)
  if (known !== undefined) return sameCreate(known, token, value)
  const keyArn = keyArnOf(account, keyId)
  // A key that is chosen is tried out both ways, so that nobody locks himself out.
  useKey(account, call.authorize, keyArn, ['kms:GenerateDataKey', 'kms:Decrypt'])
  const created = { arn, name, description, keyId, createdMs: nowMs, changedMs: nowMs, deletion: null }
  const secret: RemoteSecret = { ...created, tags: new Map(), versions: new Map() }
  putTags(secret, tags)
  if (value !== null)
    addVersion(secret, { id: token, ...value, createdMs: nowMs, keyArn, labels: new Set() }, [current])
  account.secrets.set(name, secret)
  return { ARN: arn, Name: name, ...(value === null ? {} : { VersionId: token }) }
}

export const putSecretValue: Operation = (call) => {
  const { account, parameters, nowMs } = call
  const token = parameters.token()
  const [labels = [current], value] = [parameters.labels(), parameters.value()]
  const secret = liveSecretOf(call, 'PutSecretValue')
  if (value === null) throw invalidRequest('a value must be given')
  const known = secret.versions.get(token)
  const keyArn = keyArnOf(account, secret.keyId)
  if (known === undefined) {
    useKey(account, call.authorize, keyArn, ['kms:GenerateDataKey'])
    addVersion(secret, { id: token, ...value, createdMs: nowMs, keyArn, labels: new Set() }, labels)
  } else {
    // The stored value is opened to compare it.
    useKey(account, call.authorize, known.keyArn, ['kms:Decrypt'])
    if (!sameValue(known, value)) throw exists('A version with that token and another value')
  }
  const stored = secret.versions.get(token)
  return { ARN: secret.arn, Name: secret.name, VersionId: token, VersionStages: [...(stored?.labels ?? [])] }
}

export const updateSecretVersionStage: Operation = (call) => {
  const { parameters } = call
  const label = parameters.required('VersionStage', { charactersMax: 256 })
  const ids = { charactersMin: 32, charactersMax: 64 }
  const [from, to] = [parameters.text('RemoveFromVersionId', ids), parameters.text('MoveToVersionId', ids)]
  const secret = liveSecretOf(call, 'UpdateSecretVersionStage')
  const holder = holderOf(secret, label)
  if (holder !== undefined && holder.id !== from)
    throw invalidParameter('the label is on another version than the one it should leave')
  if (holder === undefined && from !== undefined) throw invalidParameter('the label is on no version')
  if (to === undefined && label === current) throw invalidParameter('some version has to be current')
  const target = to === undefined ? null : secret.versions.get(to)
  if (target === undefined) throw notFound('version by that id')
  moveLabel(secret, label, target)
  return { ARN: secret.arn, Name: secret.name }
}

export const tagResource: Operation = (call) => {
  const tags = call.parameters.tags()
  if (tags.length === 0) throw invalidParameter('Tags must be given')
  const secret = liveSecretOf(call, 'TagResource')
  if (new Set([...secret.tags.keys(), ...tags.map(({ Key }) => Key)]).size > tagsMax)
    throw limitExceeded('tags')
  putTags(secret, tags)
  return {}
}

/** A create that arrives again is answered as the first time; anything else finds the name taken. */
function sameCreate(known: RemoteSecret, token: string, value: Value | null): Record<string, unknown> {
  if (known.deletion !== null) throw invalidRequest('a secret of that name is scheduled for deletion')
  const version = known.versions.get(token)
  if (version === undefined || value === null || !sameValue(version, value)) throw exists('That secret')
  return { ARN: known.arn, Name: known.name, VersionId: token }
}

function sameValue(a: Value, b: Value): boolean {
  return a.binary === b.binary && a.bytes.equals(b.bytes)
}
