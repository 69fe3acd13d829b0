import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'

/**
 * Whether this machine itself may be reached: never for hosts of the partition table, also for an operator's https
 * endpoint, and nothing else for a plain http one.
 */
export type LoopbackRule = 'refused' | 'allowed' | 'only'

/** All addresses of a name. */
export type ResolveName = (host: string) => Promise<readonly { address: string; family: number }[]>

/** An address or name that may not be reached. Says neither. */
export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED'

  constructor() {
    super('The address may not be reached.')
  }
}

/** A connection that never was, for whatever reason: nothing was sent on it. */
export class NotConnected extends Error {
  readonly code = 'NOT_CONNECTED'

  constructor() {
    super('There is no connection.')
  }
}

/**
 * Link-local ranges hold the metadata services that hand out credentials; the single addresses are the metadata
 * services that live elsewhere (IPv6 of AWS, Alibaba, Azure, Oracle). The rest is no unicast address at all. Private
 * ranges stay open: VPC endpoints have such addresses.
 */
const refused = blockList([
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.192', 32],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32],
  // Teredo: an IPv4 address in disguise that nobody needs.
  ['2001::', 32]
])
const loopback = blockList([
  ['127.0.0.0', 8],
  ['::1', 128]
])

/** Prefixes that carry an IPv4 address, and where in the sixteen bytes it lies. */
const carriers = [
  { list: blockList([['::', 96]]), at: 12 },
  { list: blockList([['::ffff:0:0', 96]]), at: 12 },
  { list: blockList([['::ffff:0:0:0', 96]]), at: 12 },
  { list: blockList([['64:ff9b::', 96]]), at: 12 },
  { list: blockList([['2002::', 16]]), at: 2 }
] as const

/** Whether a connection to an IP address may be made. False for text that is no address. */
export function mayReach(address: string, rule: LoopbackRule): boolean {
  const family = isIP(address)
  // A zone names an interface: only link-local addresses need one.
  if (family === 0 || address.includes('%')) return false
  if (family === 4) return mayReachPlain(address, 'ipv4', rule)
  const carried = loopback.check(address, 'ipv6') ? undefined : carriedBy(address)
  return carried === undefined ? mayReachPlain(address, 'ipv6', rule) : mayReachPlain(carried, 'ipv4', rule)
}

/**
 * A connector that looks at the address it is about to connect to, not at one that was resolved before: a name whose
 * answer changes in between gains nothing. Answers that mix good and bad addresses are refused whole.
 */
export function createGuardedConnector(options: {
  readonly loopback: LoopbackRule
  readonly connectTimeoutMs: number
  readonly resolve?: ResolveName
}): buildConnector.connector {
  const { loopback: rule, connectTimeoutMs, resolve = resolveBySystem } = options
  const guardedLookup: LookupFunction = (host, { all }, done) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses
        if (first === undefined || addresses.some(({ address }) => !mayReach(address, rule)))
          return done(new AddressRefused(), '', 0)
        return all === true ? done(null, [...addresses]) : done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0)
    )
  }
  const connect = buildConnector({ timeout: connectTimeoutMs, lookup: guardedLookup, maxCachedSessions: 10 })
  return (target, done) => {
    const host = target.hostname.replace(/^\[|\]$/g, '')
    // Node resolves no literal address, so the lookup above would never see it.
    if (isIP(host) !== 0 && !mayReach(host, rule)) return done(new AddressRefused(), null)
    connect(target, (error, socket) => {
      if (error === null) done(null, socket)
      else done(error instanceof AddressRefused ? error : new NotConnected(), null)
    })
  }
}

function mayReachPlain(address: string, family: 'ipv4' | 'ipv6', rule: LoopbackRule): boolean {
  if (loopback.check(address, family)) return rule !== 'refused'
  return rule !== 'only' && !refused.check(address, family)
}

function carriedBy(address: string): string | undefined {
  const carrier = carriers.find(({ list }) => list.check(address, 'ipv6'))
  if (carrier === undefined) return undefined
  return [...bytesOf(address).subarray(carrier.at, carrier.at + 4)].join('.')
}

/** The sixteen bytes of an IPv6 address; the URL parser writes each in its one shortest form. */
function bytesOf(address: string): Buffer {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = short.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = Array<string>(tail === undefined ? 0 : 8 - before.length - after.length).fill('0')
  const words = [...before, ...zeros, ...after].map((group) => group.padStart(4, '0'))
  return Buffer.from(words.join(''), 'hex')
}

function resolveBySystem(host: string): ReturnType<ResolveName> {
  return new Promise((done, fail) => {
    lookup(host, { all: true, verbatim: true }, (error, addresses) =>
      error === null ? done(addresses) : fail(error)
    )
  })
}

function blockList(ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [network, bits] of ranges) list.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4')
  return list
}
