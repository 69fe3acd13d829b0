import { startDeadline } from './aws-call.js'
import { AwsError } from './aws-error.js'
import { arnCharactersMax, shortReplyBytesMax, versionIdCharactersMax } from './aws-limits.js'
import { isInvalidRequest, isMarked } from './aws-read-value.js'
import { AwsReplyReader } from './aws-reply.js'
import type { AwsValueCall, NewAwsSecret, NewAwsVersion } from './aws-values.js'

/** What a write under a key of the operator's takes; AWS tries such a key out both ways. */
const ownKeyPermissions = ['kms:GenerateDataKey', 'kms:Decrypt']

/** Makes a secret; without tags where only they are refused. */
export async function createSecret(
  call: AwsValueCall,
  secret: NewAwsSecret
): Promise<{ readonly arn: string; readonly tagged: boolean }> {
  const tagged = secret.tags.length > 0
  const leftMs = startDeadline(secret.deadlineMs)
  try {
    return { arn: await createOnce(call, secret, leftMs), tagged }
  } catch (error) {
    const refused = error instanceof AwsError && error.kind === 'access_denied' && !error.mayHaveActed
    if (!tagged || !refused) throw error
  }
  return { arn: await createOnce(call, { ...secret, tags: [] }, leftMs), tagged: false }
}

/** Adds a version. The same version again with the same value is one version, whoever lost the first answer. */
export async function putValue(call: AwsValueCall, version: NewAwsVersion): Promise<void> {
  const { arn, versionId, value, ownKey, deadlineMs } = version
  const operation = 'PutSecretValue'
  const reply = await call({
    operation,
    input: { SecretId: arn, ClientRequestToken: versionId, SecretString: textOf(value) },
    idempotent: true,
    permissions: ['secretsmanager:PutSecretValue', ...(ownKey ? ownKeyPermissions : [])],
    replyBytesMax: shortReplyBytesMax,
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  })
  expectVersion(new AwsReplyReader(operation, reply), versionId)
}

async function createOnce(call: AwsValueCall, secret: NewAwsSecret, leftMs: () => number): Promise<string> {
  const { name, versionId, value, kmsKeyId, tags } = secret
  const operation = 'CreateSecret'
  const tagged = tags.length > 0
  const input = {
    Name: name,
    ClientRequestToken: versionId,
    SecretString: textOf(value),
    ...(kmsKeyId === null ? {} : { KmsKeyId: kmsKeyId }),
    ...(tagged ? { Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })) } : {})
  }
  const permissions = [
    'secretsmanager:CreateSecret',
    ...(tagged ? ['secretsmanager:TagResource'] : []),
    ...(kmsKeyId === null ? [] : ownKeyPermissions)
  ]
  const limits = { permissions, idempotent: true, replyBytesMax: shortReplyBytesMax, deadlineMs: leftMs() }
  const reply = await call({ operation, input, ...limits }).catch(async (error: unknown) => {
    throw await explained(call, { secretId: name, deadlineMs: leftMs() }, error)
  })
  const reader = new AwsReplyReader(operation, reply)
  expectVersion(reader, versionId)
  return reader.text('ARN', { charactersMax: arnCharactersMax })
}

/** A create that the state of the name forbids: is it because the name waits for its deletion? */
async function explained(
  call: AwsValueCall,
  secret: { secretId: string; deadlineMs: number },
  error: unknown
): Promise<unknown> {
  if (!isInvalidRequest(error) || !(await isMarked(call, secret))) return error
  const { operation, type, mayHaveActed } = error
  return new AwsError({ operation, kind: 'scheduled_for_deletion', type, mayHaveActed })
}

/** Values are text (`SecretProvider`): bytes that are not would be stored as others. */
function textOf(value: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value)
}

function expectVersion(reply: AwsReplyReader, versionId: string): void {
  if (reply.text('VersionId', { charactersMax: versionIdCharactersMax }) !== versionId)
    throw reply.unreadable()
}
