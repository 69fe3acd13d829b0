import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testAuthority } from '@paperclip/testing'
import fc from 'fast-check'
import t from 'tap'
import { mayReach } from '../src/provider/aws/address-guard.js'
import { parseCustomEndpoint } from '../src/provider/aws/aws-endpoint.js'
import { findRegion } from '../src/provider/aws/aws-partition.js'
import { startEmulator } from './emulator/emulator.js'
import { hostileEndpoints, hostileRegions } from './fixtures/hostile-places.js'
import { openClient, refusalOf } from './support/aws-client.js'
import { watchSockets } from './support/socket-watch.js'

const attempted = watchSockets()

const refusedAddresses = [
  '0.0.0.0',
  '0.1.2.3',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.0.1',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.255.255',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::a9fe:a9fe',
  '::ffff:0:169.254.169.254',
  '64:ff9b::7f00:1',
  '64:ff9b::169.254.169.254',
  '2002:a9fe:a9fe::1',
  '2002:7f00:1::',
  '2001:0:1::1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fec0::1',
  'ff02::1',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd00:0ec2:0::253'
]

const locations = [
  'http://169.254.169.254/latest/meta-data/',
  'https://169.254.169.254/',
  'http://127.0.0.1:1/',
  'http://[::1]:1/',
  'http://localhost:1/',
  'https://secretsmanager.us-east-1.amazonaws.com.example.com/',
  '//169.254.169.254/',
  '/',
  '/latest/meta-data/'
]

const read = { secretId: 'n', deadlineMs: 2_000 }

t.test('sixty hostile regions have no host, and the regions of each partition have theirs', async (t) => {
  t.equal(new Set(hostileRegions).size, hostileRegions.length)
  for (const region of hostileRegions)
    t.equal(findRegion(region), undefined, JSON.stringify(region).slice(0, 40))
  t.match(findRegion('us-east-1'), { partition: 'aws', host: 'secretsmanager.us-east-1.amazonaws.com' })
  t.match(findRegion('ap-southeast-7'), { partition: 'aws' })
  t.match(findRegion('us-gov-west-1'), {
    partition: 'aws-us-gov',
    host: 'secretsmanager.us-gov-west-1.amazonaws.com'
  })
  t.match(findRegion('cn-northwest-1'), {
    partition: 'aws-cn',
    host: 'secretsmanager.cn-northwest-1.amazonaws.com.cn'
  })
})

t.test('sixty hostile endpoints are refused without a socket and without being repeated', async (t) => {
  const before = attempted.length
  for (const text of hostileEndpoints) {
    t.throws(() => parseCustomEndpoint(text), TypeError, text)
    try {
      parseCustomEndpoint(text)
    } catch (error) {
      if (text.length > 3) t.notOk(String(error).includes(text))
    }
  }
  t.equal(attempted.length, before)
  for (const text of [
    'https://vpce-1.example.com',
    'https://10.0.0.1:8443',
    'https://[fd12::1]',
    'https://127.0.0.1'
  ])
    t.equal(parseCustomEndpoint(text).protocol, 'https:', text)
  for (const text of ['http://127.0.0.1:4566', 'http://[::1]:4566', 'http://localhost:4566/'])
    t.equal(parseCustomEndpoint(text).protocol, 'http:', text)
})

t.test(
  'a host whose name leads to a refused address gets no connection, whenever its answer turns',
  async (t) => {
    const before = attempted.length
    for (const address of refusedAddresses) {
      t.equal(mayReach(address, 'refused'), false, address)
      const family = address.includes(':') ? 6 : 4
      const plain = openClient(t, { resolve: async () => [{ address, family }] })
      t.match(await refusalOf(plain.values.readValue(read)), {
        failure: 'address_refused',
        mayHaveActed: false
      })
      const mixed = openClient(t, {
        resolve: async () => [
          { address: '10.255.255.1', family: 4 },
          { address, family }
        ]
      })
      t.match(await refusalOf(mixed.values.readValue(read)), { failure: 'address_refused' })
    }
    t.same(attempted.slice(before), [])
    for (const address of [
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '100.64.0.1',
      'fd12::1',
      '52.94.0.1',
      '2600::1'
    ])
      t.equal(mayReach(address, 'refused'), true, `${address} may be an endpoint of a VPC`)
  }
)

t.test('a name that turns to this machine after a first good answer leads nowhere', async (t) => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const { port } = new URL(emulator.origin)
  const before = attempted.length
  const answers = ['127.0.0.1', '169.254.169.254', '10.0.0.1']
  let asked = 0
  const resolve = async () => [{ address: answers[asked++] ?? '10.0.0.1', family: 4 }]
  const client = openClient(t, { endpoint: `http://localhost:${port}`, resolve })
  emulator.seed({ Name: 'n', ClientRequestToken: 'x'.repeat(32), SecretString: 'v' })
  emulator.faults.add({ effect: 'reset' })
  t.match(await refusalOf(client.values.readValue(read)), { failure: 'address_refused', mayHaveActed: true })
  t.match(
    await refusalOf(client.values.readValue(read)),
    { failure: 'address_refused' },
    'plain http stays here'
  )
  t.same(attempted.slice(before), [`127.0.0.1 ${port}`])
})

t.test('a redirect is followed nowhere, and no signature leaves for where it points', async (t) => {
  const trapped: unknown[] = []
  const trap = createServer((request, response) => {
    trapped.push(request.headers)
    response.end()
  })
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
  t.teardown(() => trap.close())
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const client = openClient(t, { endpoint: emulator.origin })
  const before = attempted.length
  const trapOrigin = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/`
  for (const location of [...locations, trapOrigin])
    for (const status of [301, 302, 303, 307, 308]) {
      emulator.faults.add({ effect: 'redirect', location, status })
      const error = await refusalOf(client.values.readValue(read))
      t.match(error, { kind: 'unavailable', failure: 'redirect' }, `${status} ${location}`)
    }
  t.equal(emulator.log.length, 5 * (locations.length + 1), 'each was one request')
  t.same(trapped, [])
  const { port } = new URL(emulator.origin)
  t.same(new Set(attempted.slice(before)), new Set([`127.0.0.1 ${port}`]))
})

t.test(
  'nothing is sent to a host whose certificate is not for its name, by an authority we believe',
  async (t) => {
    const authority = await testAuthority(t)
    const { certFile, keyFile, caFile } = await authority.issue()
    const reply = { ARN: 'a', VersionId: 'x'.repeat(32), SecretString: 'v' }
    let requests = 0
    const identity = { cert: await readFile(certFile), key: await readFile(keyFile) }
    const server = createTlsServer(identity, (_, response) => {
      requests += 1
      response.end(JSON.stringify(reply))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    const reader = fileURLToPath(new URL('support/tls-reader.js', import.meta.url))
    const readBy = async (host: string, env: NodeJS.ProcessEnv) => {
      const target = `https://${host}:${port}`
      return (await promisify(execFile)(process.execPath, [reader, target], { env })).stdout.trim()
    }
    t.equal(await readBy('localhost', {}), 'no_connection false', 'an authority we do not know')
    t.equal(await readBy('127.0.0.2', { NODE_EXTRA_CA_CERTS: caFile }), 'no_connection false', 'another name')
    t.equal(requests, 0)
    t.equal(await readBy('localhost', { NODE_EXTRA_CA_CERTS: caFile }), 'read false')
  }
)

t.test('an address is judged the same however it is written or wrapped', async (t) => {
  const octet = fc.integer({ min: 0, max: 255 })
  const linkLocal = fc.tuple(fc.constant(169), fc.constant(254), octet, octet)
  const anywhere = fc.tuple(octet, octet, octet, octet)
  fc.assert(
    fc.property(
      fc.oneof(linkLocal, anywhere),
      fc.constantFrom('refused', 'allowed', 'only'),
      (parts, rule) => {
        const plain = parts.join('.')
        const [high, low] = [0, 2].map((at) =>
          Buffer.from(parts.slice(at, at + 2))
            .toString('hex')
            .replace(/^0{1,3}/, '')
        )
        const verdict = mayReach(plain, rule)
        const wrapped = [
          `::ffff:${plain}`,
          `::FFFF:${high}:${low}`,
          `64:ff9b::${high}:${low}`,
          `2002:${high}:${low}::`
        ]
        return wrapped.every((address) => mayReach(address, rule) === verdict)
      }
    ),
    { numRuns: 1_000 }
  )
  for (const text of [
    '',
    'localhost',
    '1',
    '127.1',
    '0x7f000001',
    '1.2.3.4.5',
    'fe80::1%lo',
    '::1%1',
    '[::1]'
  ])
    t.equal(mayReach(text, 'allowed'), false, `${text} is no plain address`)
  t.same(
    [mayReach('::1', 'only'), mayReach('127.0.0.1', 'only'), mayReach('10.0.0.1', 'only')],
    [true, true, false]
  )
})
