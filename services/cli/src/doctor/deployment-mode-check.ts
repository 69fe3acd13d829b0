import { present } from '../launcher/launch-settings.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/
const { pass, warn, fail } = resultsOf('deployment_mode')

/** Who may reach the gateway, and as what, goes together. Everyone who reaches a `local_trusted` one is its operator. */
export function checkDeploymentMode(context: DoctorContext): CheckResult {
  const { settings, io } = context
  const { deploymentMode } = settings
  const isPublic = present(io.env.PAPERCLIP_DEPLOYMENT_EXPOSURE) === 'public'
  if (deploymentMode === 'local_trusted') return checkLocal(context, isPublic)
  if (deploymentMode !== 'authenticated')
    return fail('PAPERCLIP_DEPLOYMENT_MODE is neither local_trusted nor authenticated', 'set one of the two')
  const url = present(io.env.PAPERCLIP_PUBLIC_URL) ?? present(io.env.PAPERCLIP_AUTH_PUBLIC_BASE_URL)
  const other = present(io.env.PAPERCLIP_AUTH_PUBLIC_BASE_URL)
  if (other !== undefined && other !== url)
    return fail(
      'PAPERCLIP_PUBLIC_URL and PAPERCLIP_AUTH_PUBLIC_BASE_URL are two names of one value and differ',
      'unset one of the two'
    )
  if (url === undefined)
    return isPublic
      ? fail('public, without a public URL', 'set PAPERCLIP_PUBLIC_URL to the https address people open')
      : warn('authenticated, without a public URL', 'set PAPERCLIP_PUBLIC_URL')
  if (!isOrigin(url))
    return fail('PAPERCLIP_PUBLIC_URL is not an origin', 'set it to one like https://host, without a path')
  return isPublic ? checkPublic(context, new URL(url)) : pass('authenticated')
}

function checkLocal({ settings }: DoctorContext, isPublic: boolean): CheckResult {
  if (isPublic)
    return fail(
      'local_trusted with PAPERCLIP_DEPLOYMENT_EXPOSURE=public: whoever reaches it would be the operator',
      'set PAPERCLIP_DEPLOYMENT_MODE=authenticated'
    )
  if (loopbackHost.test(settings.gateway.host)) return pass('local_trusted, on loopback only')
  return fail(
    'local_trusted with a HOST that is not loopback: whoever reaches it would be the operator',
    'unset HOST, or set PAPERCLIP_DEPLOYMENT_MODE=authenticated'
  )
}

function checkPublic({ io }: DoctorContext, { protocol, hostname }: URL): CheckResult {
  if (protocol !== 'https:' || loopbackHost.test(hostname))
    return fail(
      'public, and PAPERCLIP_PUBLIC_URL is not https to a host of the network',
      'put a proxy that ends TLS in front, and name its https address'
    )
  return present(io.env.TRUST_PROXY) === undefined
    ? fail(
        'public, without TRUST_PROXY: every caller has the address of the proxy',
        'set TRUST_PROXY to the number of proxies in front, or to their addresses'
      )
    : pass('authenticated, public')
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, pathname, search, hash } = new URL(text)
  const isBare = username === '' && pathname === '/' && search === '' && hash === ''
  return isBare && (protocol === 'https:' || protocol === 'http:')
}
