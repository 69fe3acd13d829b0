import { type SecretsHealth, triggersAloneWarningStart } from '@paperclip/contracts'
import type { DatabaseFacts } from './database-facts.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import { type DoctorContext, startStep } from './doctor-context.js'
import { hardeningGap } from './hardening-gap.js'

const id = 'database_roles'
const repair =
  'make the roles (deploy/postgres/README.md), migrate as the owners, and run each service as its own'

/** No service may do more in the database than it has to: who takes over one of them has not taken over the other. */
export function checkDatabaseRoles(
  context: DoctorContext,
  { facts, health }: { facts: DatabaseFacts; health: SecretsHealth | null }
): CheckResult {
  const { pass, warn } = resultsOf(id)
  const { gateway, secrets } = facts
  const connections = [gateway, secrets].filter((each) => each !== null)
  const rights: string[] = []
  if (connections.some(({ isSuperuser }) => isSuperuser)) rights.push('a service connects as a superuser')
  if (gateway?.mayReadSealed) rights.push('the gateway can read what is sealed')
  const isAuditOpen =
    secrets?.mayChangeAudit || health?.warnings.some((text) => text.startsWith(triggersAloneWarningStart))
  const audit = isAuditOpen ? ['that the record is append-only rests on triggers alone'] : []
  const message = [...rights, ...audit].join('; ')
  const gap = hardeningGap(context, { id, message, repair })
  if (rights.length > 0 && gap.status !== 'pass') return gap
  // Told everywhere: on a laptop too, the record is worth what protects it.
  if (audit.length > 0) return warn(message, repair)
  if (connections.length < 2) return warn('not looked at: a database does not answer', startStep(context))
  return pass(
    message === '' ? 'each service as a role of its own, which can only add to the record' : message
  )
}
