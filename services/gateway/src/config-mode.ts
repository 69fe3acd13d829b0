import type { SecretValue } from '@paperclip/server'
import { isLoopbackHost } from './auth/host-guard.js'
import type { RawConfig } from './config.js'
import type { SecretName } from './config-secrets.js'

export type DeploymentMode = 'local_trusted' | 'authenticated'

/** What the rules of a mode look at. */
interface ModeInput {
  raw: RawConfig
  publicUrl: string | null
  allowedOrigins: readonly string[]
  secrets: Readonly<Record<SecretName, SecretValue | null>>
}

/** Where to listen: this machine only where every caller is the operator, else everywhere. */
export function hostOf({ HOST: host, PAPERCLIP_DEPLOYMENT_MODE: mode }: RawConfig): string {
  return host ?? (mode === 'local_trusted' ? '127.0.0.1' : '0.0.0.0')
}

/** Names what does not go together with the mode and exposure. */
export function modeFaults(input: ModeInput): string[] {
  const { raw } = input
  if (raw.PAPERCLIP_DEPLOYMENT_MODE === 'local_trusted') return localFaults(raw)
  if (raw.PAPERCLIP_DEPLOYMENT_MODE !== 'authenticated') return []
  const faults = authenticatedFaults(input)
  return raw.PAPERCLIP_DEPLOYMENT_EXPOSURE === 'public' ? [...faults, ...publicFaults(input)] : faults
}

function localFaults(raw: RawConfig): string[] {
  const faults: string[] = []
  if (raw.PAPERCLIP_DEPLOYMENT_EXPOSURE === 'public')
    faults.push(
      'PAPERCLIP_DEPLOYMENT_EXPOSURE "public" needs authenticated mode: in local_trusted every caller is the operator'
    )
  const host = hostOf(raw)
  if (!isLoopbackHost(host.includes(':') && !host.startsWith('[') ? `[${host}]` : host))
    faults.push(
      'HOST must be a loopback address (127.0.0.1, ::1 or localhost) in local_trusted, where every caller is the operator'
    )
  return faults
}

function authenticatedFaults({ secrets }: ModeInput): string[] {
  const faults: string[] = []
  for (const name of ['BETTER_AUTH_SECRET', 'PAPERCLIP_AGENT_JWT_SECRET'] as const)
    if (secrets[name] === null)
      faults.push(`${name} is required in authenticated mode: make one with "openssl rand -base64 32"`)
  return faults
}

function publicFaults({ raw, publicUrl, allowedOrigins }: ModeInput): string[] {
  const faults: string[] = []
  if (publicUrl === null)
    faults.push('PAPERCLIP_PUBLIC_URL is required when the exposure is public: the https address people open')
  else if (URL.canParse(publicUrl) && !isFitForPublic(new URL(publicUrl)))
    faults.push(
      'PAPERCLIP_PUBLIC_URL must be https and name a host of the network when the exposure is public'
    )
  if (!allowedOrigins.every((origin) => origin.startsWith('https://')))
    faults.push('PAPERCLIP_ALLOWED_ORIGINS must all be https when the exposure is public')
  if (raw.TRUST_PROXY === '')
    faults.push(
      'TRUST_PROXY is required when the exposure is public: say who ends TLS, or every caller has the address of the proxy'
    )
  return faults
}

function isFitForPublic({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' && !isLoopbackHost(hostname)
}
