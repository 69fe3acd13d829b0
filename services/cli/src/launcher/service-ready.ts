import { get, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { loadTlsIdentity, type TlsFiles } from '@paperclip/client'
import type { ChildLog } from './child-log.js'
import type { Child } from './child-process.js'
import type { ServiceName } from './database-roles.js'
import { LaunchError } from './launch-error.js'

const readyMsMax = 60_000
const probeMsMax = 1_000
const betweenProbesMs = 50
const ok = 200

/**
 * Waits until a service answers its readiness probe.
 *
 * Throws {@link LaunchError} when it ends or stays unready. A service that ends during the first start is
 * not restarted: its settings are wrong, and its own words say which.
 */
export async function waitForReady(
  service: ServiceName,
  { child, url, tls, log }: { child: Child; url: string; tls: TlsFiles | null; log: ChildLog }
): Promise<void> {
  const deadline = performance.now() + readyMsMax
  while (!(await isReady(url, tls))) {
    if (child.hasExited()) throw await endedEarly(service, log)
    if (performance.now() > deadline) {
      throw new LaunchError(
        `The ${service} service did not become ready in ${readyMsMax / 1000} s: see ${log.path}.`
      )
    }
    await delay(betweenProbesMs)
  }
  // Another program may answer on its port.
  if (child.hasExited()) throw await endedEarly(service, log)
}

/** The error for a program that ended during the start, with what it said itself. */
export async function endedEarly(what: string, log: ChildLog): Promise<LaunchError> {
  const said = await log.lastSentences()
  return new LaunchError(
    `The ${what} stopped while it was starting; see ${log.path}.${said === '' ? '' : `\n${said}`}`
  )
}

async function isReady(url: string, tls: TlsFiles | null): Promise<boolean> {
  return await new Promise((resolve) => {
    const options = { agent: false, timeout: probeMsMax }
    const onResponse = (response: IncomingMessage) => {
      response.resume()
      resolve(response.statusCode === ok)
    }
    try {
      const request = url.startsWith('https:')
        ? getSecurely(`${url}/readyz`, { ...options, ...tlsOptions(tls) }, onResponse)
        : get(`${url}/readyz`, options, onResponse)
      request.once('timeout', () => request.destroy())
      request.once('error', () => resolve(false))
    } catch {
      // Certificates that cannot be used: the service itself ends with a sentence about them.
      resolve(false)
    }
  })
}

/** Our authorities, whatever the name: it listens here, and nothing is sent to it. */
function tlsOptions(tls: TlsFiles | null) {
  if (tls === null) return {}
  return {
    ...loadTlsIdentity(tls, { nowMs: Date.now() }).clientOptions(),
    checkServerIdentity: () => undefined
  }
}
