import { startDeadline } from './aws-call.js'
import { AwsError } from './aws-error.js'
import {
  arnCharactersMax,
  recoveryDaysMax,
  recoveryDaysMin,
  shortReplyBytesMax,
  valueReplyBytesMax
} from './aws-limits.js'
import { isInvalidRequest, isMarked } from './aws-read-value.js'
import { AwsReplyReader } from './aws-reply.js'
import type { AwsSecretSelector, AwsValueCall } from './aws-values.js'

/** Marks a secret for deletion after a window; done already, by whomever, is done. */
export async function deleteSecret(
  call: AwsValueCall,
  {
    arn,
    recoveryDays,
    deadlineMs
  }: { readonly arn: string; readonly recoveryDays: number; readonly deadlineMs?: number }
): Promise<{ readonly deletionDate: Date | null }> {
  const operation = 'DeleteSecret'
  if (!Number.isInteger(recoveryDays) || recoveryDays < recoveryDaysMin || recoveryDays > recoveryDaysMax)
    throw new RangeError(`A recovery window has ${recoveryDaysMin} to ${recoveryDaysMax} whole days.`)
  const leftMs = startDeadline(deadlineMs)
  try {
    const reply = await call({
      operation,
      input: { SecretId: arn, RecoveryWindowInDays: recoveryDays },
      idempotent: true,
      permissions: ['secretsmanager:DeleteSecret'],
      replyBytesMax: shortReplyBytesMax,
      deadlineMs: leftMs()
    })
    return { deletionDate: new AwsReplyReader(operation, reply).date('DeletionDate') }
  } catch (error) {
    if (error instanceof AwsError && error.kind === 'not_found') return { deletionDate: null }
    // An attempt before the last one may have marked it, or an operator has.
    if (isInvalidRequest(error) && (await isMarked(call, { secretId: arn, deadlineMs: leftMs() })))
      return { deletionDate: null }
    throw error
  }
}

/** Takes back a deletion; one that was not asked for is no error. */
export async function restoreSecret(
  call: AwsValueCall,
  { secretId, deadlineMs }: AwsSecretSelector
): Promise<{ readonly arn: string }> {
  const operation = 'RestoreSecret'
  const reply = await call({
    operation,
    input: { SecretId: secretId },
    idempotent: true,
    permissions: ['secretsmanager:RestoreSecret'],
    replyBytesMax: shortReplyBytesMax,
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  })
  return { arn: new AwsReplyReader(operation, reply).text('ARN', { charactersMax: arnCharactersMax }) }
}

/** A help for people, which not every role may look up: whatever fails, there is just no date. */
export async function findDeletionDate(
  call: AwsValueCall,
  { secretId, deadlineMs }: AwsSecretSelector
): Promise<Date | null> {
  const operation = 'DescribeSecret'
  const request = {
    operation,
    input: { SecretId: secretId },
    idempotent: true,
    permissions: ['secretsmanager:DescribeSecret'],
    replyBytesMax: valueReplyBytesMax,
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  } as const
  try {
    return new AwsReplyReader(operation, await call(request)).date('DeletedDate')
  } catch {
    return null
  }
}
