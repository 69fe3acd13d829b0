import { isIPv4, isIPv6 } from 'node:net'
import { AppError } from '@paperclip/server'
import type { DeploymentMode } from '../config-mode.js'

/** What decides which names the gateway answers to. */
export interface HostRule {
  mode: DeploymentMode
  publicUrl: string | null
  allowedHostnames: readonly string[]
}

/**
 * Makes the judge of `Host` headers. A page that points its own name at our address (DNS rebinding) sends that
 * name, so only names we know pass, and IP literals, which cannot be rebound. In `local_trusted`, where every
 * caller is the operator, only loopback passes.
 */
export function hostJudge({ mode, publicUrl, allowedHostnames }: HostRule): (host: string) => boolean {
  if (mode === 'local_trusted') return (host) => isLoopbackHost(hostnameOf(host))
  const names = new Set(['localhost', ...allowedHostnames.map(fold)])
  if (publicUrl !== null) names.add(fold(new URL(publicUrl).hostname))
  return (host) => {
    const name = hostnameOf(host)
    return name !== '' && (names.has(name) || isAddress(name))
  }
}

/** A request line that names a whole address, as only a proxy is sent one (RFC 9112 section 3.2.2). */
const wholeAddress = /^https?:\/\/([^/?#]*)/i

/**
 * Refuses a request that names more than one host: whoever stands in front might have looked at another one than we
 * do. Twice the same is refused as well (RFC 9112 section 3.2).
 */
export function requireOneHost({
  url = '/',
  rawHeaders
}: {
  url?: string | undefined
  rawHeaders: string[]
}): void {
  let hosts = 0
  let named = ''
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    // Every request passes here: lengths first.
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue
    hosts++
    named = rawHeaders[at + 1] ?? ''
  }
  const inLine = url.startsWith('/') ? undefined : wholeAddress.exec(url)?.[1]
  if (hosts > 1 || (inLine !== undefined && inLine.toLowerCase() !== named.toLowerCase()))
    throw new AppError('invalid_request', { detail: 'The request names more than one host.' })
}

/** Ports are 16 bits wide; an address with a larger one is none. */
const portMax = 65_535

/** Takes port, case and trailing dot off a `Host` header; empty when it is not one. */
export function hostnameOf(host: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(host)
  if (match?.[1] === undefined || Number(match[2] ?? 0) > portMax) return ''
  return fold(match[1])
}

/** Says whether a host name or address literal means this machine only. */
export function isLoopbackHost(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
}

function isAddress(name: string): boolean {
  return isIPv4(name) || (name.startsWith('[') && isIPv6(name.slice(1, -1)))
}

function fold(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
