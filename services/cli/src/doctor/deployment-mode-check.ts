import { present } from '../launcher/launch-settings.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import { type DoctorContext, isPublic } from './doctor-context.js'

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/
const { pass, fail } = resultsOf('deployment_mode')

/** Says whether a host name or address means this machine. */
export function isLoopbackHost(host: string): boolean {
  return loopbackHost.test(host)
}

/** Who may reach the gateway, and as what, goes together. Everyone who reaches a `local_trusted` one is its operator. */
export function checkDeploymentMode(context: DoctorContext): CheckResult {
  const { settings, io } = context
  const { deploymentMode } = settings
  const exposure = present(io.env.PAPERCLIP_DEPLOYMENT_EXPOSURE) ?? 'private'
  if (exposure !== 'private' && exposure !== 'public')
    return fail('PAPERCLIP_DEPLOYMENT_EXPOSURE is neither private nor public', 'set one of the two')
  if (deploymentMode === 'local_trusted') return checkLocal(context)
  return deploymentMode === 'authenticated'
    ? pass(`authenticated, ${exposure}`)
    : fail('PAPERCLIP_DEPLOYMENT_MODE is neither local_trusted nor authenticated', 'set one of the two')
}

function checkLocal(context: DoctorContext): CheckResult {
  if (isPublic(context))
    return fail(
      'local_trusted with PAPERCLIP_DEPLOYMENT_EXPOSURE=public: whoever reaches it would be the operator',
      'set PAPERCLIP_DEPLOYMENT_MODE=authenticated'
    )
  if (isLoopbackHost(context.settings.gateway.host)) return pass('local_trusted, on loopback only')
  return fail(
    'local_trusted with a HOST that is not loopback: whoever reaches it would be the operator',
    'unset HOST, or set PAPERCLIP_DEPLOYMENT_MODE=authenticated'
  )
}
