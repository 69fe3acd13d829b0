import { isIP } from 'node:net'
import { type LoopbackRule, mayReach } from './address-guard.js'
import type { AwsPartition, AwsRegion } from './aws-partition.js'

/** Where the requests of one vault go, and how they are signed for it. */
export interface AwsEndpoint {
  readonly region: string
  readonly partition: AwsPartition
  readonly origin: URL
  readonly loopback: LoopbackRule
}

const loopbackName = 'localhost'

/**
 * Reads `PAPERCLIP_SECRETS_AWS_ENDPOINT`: an https origin, or http on this machine for an emulator. Throws a TypeError
 * that does not repeat the text, because a part of it may be a password.
 */
export function parseCustomEndpoint(text: string): URL {
  if (!URL.canParse(text)) throw new TypeError('The endpoint is not a URL.')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new TypeError('The endpoint is neither https nor http.')
  if (url.username !== '' || url.password !== '') throw new TypeError('The endpoint may hold no credentials.')
  // The text is looked at too: a bare `?` or `#` leaves no trace in what was parsed.
  if (url.pathname !== '/' || /[?#]/.test(text))
    throw new TypeError('The endpoint may hold no path, query or fragment.')
  const rule = loopbackRuleOf(url)
  const host = bareHost(url)
  if (isIP(host) === 0 ? rule === 'only' && host !== loopbackName : !mayReach(host, rule))
    throw new TypeError('The endpoint is an address that may not be used, or http to another machine.')
  return url
}

/** The endpoint of a region: the operator's own, if any, else the host of the partition table by https. */
export function endpointOf(region: AwsRegion, custom: URL | null): AwsEndpoint {
  return {
    region: region.region,
    partition: region.partition,
    origin: custom ?? new URL(`https://${region.host}`),
    loopback: custom === null ? 'refused' : loopbackRuleOf(custom)
  }
}

function loopbackRuleOf(custom: URL): LoopbackRule {
  return custom.protocol === 'http:' ? 'only' : 'allowed'
}

/** The host without the brackets of an IPv6 address. */
export function bareHost({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
