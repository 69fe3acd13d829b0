import t from 'tap'
import { authenticatedInstallation } from './fixtures/people.js'
import { sendRaw, statusOf } from './fixtures/raw-request.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await authenticatedInstallation(t, {
  TRUST_PROXY: '',
  PAPERCLIP_ALLOWED_HOSTNAMES: 'board.internal, Box.LAN.'
})
const { gateway } = installation
const publicUrl = 'https://paperclip.example.com'
const hosted = await installation.start({
  PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public',
  PAPERCLIP_PUBLIC_URL: publicUrl,
  PAPERCLIP_ALLOWED_HOSTNAMES: '',
  TRUST_PROXY: '127.0.0.0/8'
})

const get = (lines: string[], target = '/api/health', version = '1.1') =>
  [`GET ${target} HTTP/${version}`, ...lines, 'Connection: close', '', ''].join('\r\n')
const answer = (of: { port: number }, ...request: Parameters<typeof get>) => sendRaw(of.port, get(...request))

/** Good in either exposure: what cannot be rebound. */
const always = [
  'localhost',
  'LocalHost:80',
  'localhost.',
  '127.0.0.1',
  '127.0.0.1:3100',
  '10.1.2.3',
  '[::1]',
  '[::1]:3100',
  '[fe80::1]',
  '8.8.8.8'
]

const never = [
  'evil.example', 'evil.example:3100', 'localhost.evil.example', 'evil.localhost', 'board.internal.evil.example', 'xboard.internal',
  'internal', 'paperclip.example.com.evil.example', 'evil-paperclip.example.com', 'www.paperclip.example.com', 'example.com',
  // Userinfo, ports and paths that some parsers take for the end of the name, or for its beginning.
  'localhost@evil.example', 'evil.example@localhost', 'user:pass@localhost', 'localhost:80@evil.example', 'localhost:80:80',
  'localhost:', 'localhost:x', 'localhost:-1', 'localhost:123456', 'localhost:80 evil.example', 'localhost/', 'localhost/evil.example',
  'localhost#evil.example', 'localhost?evil.example', 'localhost\\evil.example', 'localhost, evil.example', 'localhost;evil.example',
  'localhost%00', 'localhost%2eevil.example', '"localhost"', 'http://localhost',
  // Dots, blanks and emptiness.
  'localhost..', '.localhost', '.', '..', '', 'local host', 'localhost\tevil.example',
  // Addresses as browsers write none.
  '127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', '127.0.0.1.evil.example', '127.0.0.256', '1.2.3', '[::1', '::1', '[::1]evil.example',
  '[::1]:x', '[localhost]', '[::1%25lo]', '[127.0.0.1]', '[::ffff:127.0.0.1]x',
  // Names in other scripts, raw and as punycode.
  'löcalhost', 'ｌocalhost', 'localhost。evil.example', 'xn--lcalhost-n4a', 'рaperclip.example.com', 'localhost\u00a0', 'lοcalhost'
] // biome-ignore format: a list reads better packed

const tables = [
  {
    name: 'private',
    of: gateway,
    good: ['board.internal', 'BOARD.internal:3100', 'board.internal.', 'box.lan', 'box.lan.:80'],
    bad: ['paperclip.example.com']
  },
  {
    name: 'public',
    of: hosted,
    good: [
      'paperclip.example.com',
      'Paperclip.Example.COM',
      'paperclip.example.com:443',
      'paperclip.example.com.'
    ],
    bad: ['board.internal', 'box.lan']
  }
]

for (const { name, of, good, bad } of tables)
  t.test(
    `exposure ${name}: only known names and addresses are answered to, and no other is repeated`,
    async (t) => {
      for (const host of [...always, ...good])
        t.equal(statusOf(await answer(of, [`Host: ${host}`])), 200, `"${host}"`)
      for (const host of [...never, ...bad]) {
        const reply = await answer(of, [`Host: ${host}`])
        t.ok([400, 403].includes(statusOf(reply)), `"${host}": ${statusOf(reply)}`)
        if (statusOf(reply) === 403) t.match(reply, /"code":"host_not_allowed"/)
        if (host.length > 9) t.notOk(reply.includes(host), 'not repeated')
      }
    }
  )

t.test('a request names one host, in whatever way it does', async (t) => {
  for (const { of } of tables) {
    const status = async (...request: Parameters<typeof get>) => statusOf(await answer(of, ...request))
    for (const [first, second] of [
      ['localhost', 'evil.example'],
      ['evil.example', 'localhost'],
      ['localhost', 'localhost'],
      ['localhost', '']
    ])
      for (const name of ['Host', 'host', 'HOST'])
        t.equal(await status([`Host: ${first}`, `${name}: ${second}`]), 400, `${first}, ${name} ${second}`)
    t.equal(await status([]), 400, 'HTTP/1.1 without Host')
    t.equal(await status([], '/api/health', '1.0'), 403, 'HTTP/1.0 without Host')
    t.equal(await status(['Host: evil.example'], '/api/health', '1.0'), 403)
    t.equal(await status(['Host: localhost'], '/api/health', '1.0'), 200)
    t.equal(await status(['Host : localhost']), 400)
    t.equal(await status(['Host: evil.example', ' localhost']), 400, 'folded')
    for (const [target, host, expected] of [
      ['http://evil.example/api/health', 'localhost', 400],
      ['http://localhost/api/health', 'evil.example', 400],
      ['http://evil.example/api/health', 'evil.example', 403],
      ['http://localhost@evil.example/api/health', 'localhost', 400],
      ['http://evil.example@localhost/api/health', 'localhost', 400],
      ['HTTP://evil.example/api/health', 'localhost', 400],
      ['http://localhost/api/health', 'localhost', 200],
      ['http://LOCALHOST/api/health', 'localhost', 200]
    ] as const)
      t.equal(await status([`Host: ${host}`], target), expected, `${target} at ${host}`)
    for (const target of ['//evil.example/api/health', 'evil.example/api/health', '\\evil.example\\api'])
      t.ok([400, 404].includes(await status(['Host: localhost'], target)), target)
    for (const path of ['/', '/sign-in', '/assets/page.css', '/api/docs', '/api/nowhere', '/nowhere'])
      t.equal(await status(['Host: evil.example'], path), 403, path)
    for (const probe of ['/livez', '/readyz'])
      t.equal(await status(['Host: evil.example'], probe), 200, probe)
  }
})

t.test('X-Forwarded-Host counts from a trusted proxy only, and is judged as any host', async (t) => {
  const status = async (of: { port: number }, lines: string[]) => statusOf(await answer(of, lines))
  const [evil, good] = ['X-Forwarded-Host: evil.example', 'X-Forwarded-Host: paperclip.example.com']
  t.equal(await status(gateway, ['Host: evil.example', 'X-Forwarded-Host: localhost']), 403)
  t.equal(await status(gateway, ['Host: localhost', evil]), 200)
  t.equal(await status(hosted, ['Host: evil.example', good]), 200)
  t.equal(await status(hosted, ['Host: localhost', evil]), 403)
  t.equal(
    await status(hosted, ['Host: localhost', `${good}, evil.example`]),
    403,
    'the one next to us decides'
  )
  t.equal(
    await status(hosted, ['Host: localhost', 'Forwarded: host=evil.example']),
    200,
    'not a header we read'
  )
})
