import { isOriginText, isProxyTrust } from '../configure/setting-rules.js'
import { present } from '../launcher/launch-settings.js'
import { isLoopbackHost } from './deployment-mode-check.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import { type DoctorContext, isPublic, isShared } from './doctor-context.js'
import { hardeningGap } from './hardening-gap.js'

const nameHttps = 'put a proxy that ends TLS in front, and name its https address in PAPERCLIP_PUBLIC_URL'

/** People open one https address that the gateway knows as its own. */
export function checkPublicUrl(context: DoctorContext): CheckResult {
  const { pass, warn, fail } = resultsOf('public_url')
  const { env } = context.io
  const other = present(env.PAPERCLIP_AUTH_PUBLIC_BASE_URL)
  const url = present(env.PAPERCLIP_PUBLIC_URL) ?? other
  if (other !== undefined && other !== url)
    return fail(
      'PAPERCLIP_PUBLIC_URL and PAPERCLIP_AUTH_PUBLIC_BASE_URL are two names of one value and differ',
      'unset one of the two'
    )
  if (url !== undefined && isOriginText(url) !== null)
    return fail('PAPERCLIP_PUBLIC_URL is not an origin', 'set it to one like https://host, without a path')
  if (!isShared(context)) return pass('not needed in local_trusted')
  if (url === undefined)
    return isPublic(context)
      ? fail('public, without a public URL', 'set PAPERCLIP_PUBLIC_URL to the https address people open')
      : warn('authenticated, without a public URL', 'set PAPERCLIP_PUBLIC_URL')
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:' && !(isPublic(context) && isLoopbackHost(hostname))) return pass('https')
  if (isPublic(context))
    return fail('public, and PAPERCLIP_PUBLIC_URL is not https to a host of the network', nameHttps)
  if (isLoopbackHost(hostname)) return pass('plain http, on this machine only')
  return warn('plain http: passwords, sessions and values can be read on the way', nameHttps)
}

/** The address of a caller, which limits and the record rest on, is told by somebody who may. */
export function checkProxy(context: DoctorContext): CheckResult {
  const { pass, fail } = resultsOf('proxy')
  const trusted = present(context.io.env.TRUST_PROXY)
  if (trusted === undefined)
    return isPublic(context)
      ? fail(
          'public, without TRUST_PROXY: every caller has the address of the proxy',
          'set TRUST_PROXY to the number of proxies in front, or to their addresses'
        )
      : pass('no proxy is believed')
  const fault = isProxyTrust(trusted)
  if (fault !== null)
    return fail(`TRUST_PROXY ${fault}`, 'name the proxies in front; `true` would believe everybody')
  const isEverybody = trusted.split(',').some((entry) => /\/0+$/.test(entry.trim()))
  if (!isEverybody) return pass('who is in front is named')
  return hardeningGap(context, {
    id: 'proxy',
    message: 'TRUST_PROXY believes everybody: any caller may say which address it has',
    repair: 'set TRUST_PROXY to the number of proxies in front, or to their addresses'
  })
}

/** A company cannot be deleted with everything in it by one request. */
export function checkCompanyDeletion(context: DoctorContext): CheckResult {
  const { pass, warn, fail } = resultsOf('company_deletion')
  // As the gateway reads it.
  const said = present(context.io.env.PAPERCLIP_ENABLE_COMPANY_DELETION)?.toLowerCase() ?? 'false'
  if (['false', '0'].includes(said)) return pass('off')
  const unset = 'unset PAPERCLIP_ENABLE_COMPANY_DELETION, and start the gateway again'
  if (!['true', '1'].includes(said))
    return fail('PAPERCLIP_ENABLE_COMPANY_DELETION is neither true nor false', unset)
  const text = 'on: an instance admin can destroy the key of a company, and with it all its secrets'
  return isShared(context) ? warn(text, unset) : pass(text)
}
