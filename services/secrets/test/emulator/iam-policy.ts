import { ServiceError } from './service-error.js'

export interface Statement {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
}

/** A policy document as an operator writes it, without conditions. */
export interface Policy {
  readonly Version?: string
  readonly Statement: readonly Statement[]
}

/** May do anything, for tests of something else. */
export const allowAll: Policy = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

/** Demands one action on one resource. */
export type Authorize = (action: string, resource: string) => void

/**
 * Allows what a statement allows and none denies. The text of a refusal names principal and resource, as that of AWS
 * does: whoever passes it on leaks an account id.
 */
export function authorizeBy(policy: Policy, principal: string): Authorize {
  return (action, resource) => {
    const matching = policy.Statement.filter(
      (statement) => matches(statement.Action, action, 'i') && matches(statement.Resource, resource, '')
    )
    const denied = matching.some(({ Effect }) => Effect === 'Deny')
    if (denied || matching.length === 0) throw accessDenied(principal, action, resource)
  }
}

function accessDenied(principal: string, action: string, resource: string): ServiceError {
  const text = action.startsWith('kms:')
    ? `Access to KMS is refused: ${principal} lacks ${action} on ${resource}`
    : `User ${principal} may not perform ${action} on resource ${resource}: no policy allows it`
  return new ServiceError('AccessDeniedException', text)
}

function matches(patterns: string | readonly string[], text: string, flags: 'i' | ''): boolean {
  return [patterns].flat().some((pattern) => {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')
    return new RegExp(`^${source}$`, `s${flags}`).test(text)
  })
}
