import type { ProblemCode } from '@paperclip/contracts'
import { ProviderError } from '../remote-storage.js'
import { AwsError, type AwsErrorKind } from './aws-error.js'

/** The codes by which a failed call is known outside; the table stands at {@link AwsErrorKind} in words. */
const codes = {
  access_denied: 'provider_access_denied',
  bad_credentials: 'provider_access_denied',
  no_credentials: 'provider_unavailable',
  not_found: 'provider_not_found',
  exists: 'provider_rejected',
  scheduled_for_deletion: 'provider_name_reserved',
  rejected: 'provider_rejected',
  throttled: 'provider_throttled',
  unavailable: 'provider_unavailable'
} as const satisfies Record<AwsErrorKind, ProblemCode>

/** What can be said of each; nothing of it comes from AWS. */
const sentences: Readonly<Record<AwsErrorKind, string>> = {
  access_denied: 'AWS refuses this to the role of the deployment.',
  bad_credentials: 'AWS does not accept the credentials of this deployment.',
  no_credentials:
    'This deployment has no AWS credentials: none of the places where they are looked for has any.',
  not_found: 'AWS Secrets Manager has no such secret or version.',
  exists: 'AWS Secrets Manager has a secret or version of this name already, with another content.',
  scheduled_for_deletion: 'AWS Secrets Manager still keeps a deleted secret of this name.',
  rejected:
    'AWS Secrets Manager does not take the request; the secret may be marked for deletion, or its KMS key be disabled.',
  throttled: 'AWS Secrets Manager is asked too often by this account.',
  unavailable: 'AWS Secrets Manager cannot be reached, or gave no answer that can be read.'
}

/** Failures that may have passed when somebody asks again. */
const retryAfterSeconds: Partial<Record<AwsErrorKind, number>> = {
  no_credentials: 5,
  throttled: 5,
  unavailable: 5
}

/** Turns what a call failed with into what callers may see; what is no failure of AWS stays as it is. */
export function problemOfAws(error: unknown): unknown {
  if (!(error instanceof AwsError)) return error
  const { kind, operation, type, failure, mayHaveActed } = error
  const seconds = retryAfterSeconds[kind]
  return new ProviderError(codes[kind], {
    detail: sentenceOf(error),
    cause: error,
    context: { operation, awsType: type, awsFailure: failure },
    mayHaveActed,
    ...(seconds === undefined ? {} : { retryAfterSeconds: seconds })
  })
}

/** Rejects with what callers may see. */
export async function asProblem<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    throw problemOfAws(error)
  })
}

/** Which permission it is AWS tells in a text only, which is not read: those that the call takes are named. */
function sentenceOf({ kind, permissions }: AwsError): string {
  const [first, ...others] = permissions
  if (first === undefined) return sentences[kind]
  return others.length === 0
    ? `${sentences[kind]} It needs the permission ${first}.`
    : `${sentences[kind]} One of the permissions that it needs is missing: ${permissions.join(', ')}.`
}
