import { AwsError } from './aws-error.js'
import { arnCharactersMax, valueBytesMax, valueReplyBytesMax, versionIdCharactersMax } from './aws-limits.js'
import { AwsReplyReader } from './aws-reply.js'
import type { AwsValue, AwsValueCall, AwsVersionSelector } from './aws-values.js'

const operation = 'GetSecretValue'

/** No secret has this version, so that a question can be asked without reading a value. */
const noVersion = '00000000-0000-0000-0000-000000000000'

/** Reads a value; what is neither text nor bytes is `unavailable`, never a wrong value. */
export async function readValue(call: AwsValueCall, version: AwsVersionSelector): Promise<AwsValue> {
  const reply = await get(call, version)
  const arn = reply.text('ARN', { charactersMax: arnCharactersMax })
  const versionId = reply.text('VersionId', { charactersMax: versionIdCharactersMax })
  const text = reply.optionalText('SecretString', { charactersMax: valueBytesMax })
  const base64 = reply.optionalText('SecretBinary', { charactersMax: 2 * valueBytesMax })
  // Text that is no Unicode would come out as other bytes than went in.
  if ((text === null) === (base64 === null) || text?.isWellFormed() === false) throw reply.unreadable()
  if (version.versionId !== undefined && version.versionId !== versionId) throw reply.unreadable()
  const value = text === null ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text)
  return { value, isBinary: text === null, arn, versionId }
}

/** Whether a version exists, and under which ARN. */
export async function findVersion(
  call: AwsValueCall,
  version: AwsVersionSelector
): Promise<{ readonly arn: string } | null> {
  try {
    return { arn: (await get(call, version)).text('ARN', { charactersMax: arnCharactersMax }) }
  } catch (error) {
    if (error instanceof AwsError && error.kind === 'not_found') return null
    throw error
  }
}

/**
 * Whether a secret is marked for deletion, told by the type that a read of it is refused with: AWS looks at the state
 * of the secret before it looks for the version. Needs no permission that resolving does not need.
 */
export async function isMarked(
  call: AwsValueCall,
  secret: { readonly secretId: string; readonly deadlineMs: number }
): Promise<boolean> {
  return get(call, { ...secret, versionId: noVersion }).then(() => false, isInvalidRequest)
}

/** What AWS refuses because of the state that a secret is in. */
export function isInvalidRequest(error: unknown): error is AwsError {
  return error instanceof AwsError && error.type === 'InvalidRequestException'
}

async function get(call: AwsValueCall, version: AwsVersionSelector): Promise<AwsReplyReader> {
  const { secretId, versionId, versionLabel, deadlineMs } = version
  const reply = await call({
    operation,
    input: {
      SecretId: secretId,
      ...(versionId === undefined ? {} : { VersionId: versionId }),
      ...(versionLabel === undefined ? {} : { VersionStage: versionLabel })
    },
    idempotent: true,
    permissions: ['secretsmanager:GetSecretValue', 'kms:Decrypt'],
    replyBytesMax: valueReplyBytesMax,
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  })
  return new AwsReplyReader(operation, reply)
}
