import { type CheckResult, resultsOf } from './doctor-check.js'
import { type DoctorContext, isPublic, isShared } from './doctor-context.js'

/**
 * Weighs something that works and should be better by who could make use of it: nothing in `local_trusted`, where
 * whoever is on the machine is the operator; a warning among people who sign in; a failure where strangers can reach the
 * gateway.
 */
export function hardeningGap(
  context: Pick<DoctorContext, 'io' | 'settings'>,
  { id, message, repair }: { id: string; message: string; repair: string }
): CheckResult {
  const { pass, warn, fail } = resultsOf(id)
  if (!isShared(context)) return pass(message)
  return (isPublic(context) ? fail : warn)(message, repair)
}
