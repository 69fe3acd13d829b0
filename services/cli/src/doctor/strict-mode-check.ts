import type { SecretsHealth } from '@paperclip/contracts'
import { present } from '../launcher/launch-settings.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'

const repair =
  'set PAPERCLIP_SECRETS_STRICT_MODE=true (`paperclipai configure --section secrets --set strictMode=true --yes`), and start it again'

/**
 * Strict mode keeps sensitive plain values out of environments.
 *
 * Where several people share an instance it is on unless somebody switched it off: a fault. On a PostgreSQL that others
 * run it is a gap of policy, told as a warning. What the service says goes before what is set here.
 */
export function checkStrictMode({ settings, io }: DoctorContext, health: SecretsHealth | null): CheckResult {
  const { pass, warn, fail } = resultsOf('strict_mode')
  const isShared = settings.deploymentMode === 'authenticated'
  const said = present(io.env.PAPERCLIP_SECRETS_STRICT_MODE)
  if (said !== undefined && said !== 'true' && said !== 'false')
    return fail('PAPERCLIP_SECRETS_STRICT_MODE is neither true nor false', repair)
  const isOn = health?.strictMode ?? (said === undefined ? isShared : said === 'true')
  const source = health === null ? ', as it is set here' : ''
  if (isOn) return pass(`on${source}`)
  const text = `off${source}: keys and passwords may be saved as plain values`
  if (isShared) return fail(text, repair)
  return settings.external === null ? pass(`off${source}, the default of local_trusted`) : warn(text, repair)
}
