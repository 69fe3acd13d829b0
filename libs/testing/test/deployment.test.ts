import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { unknownVariables } from '@paperclip/contracts'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'

const read = (path: string) => readFile(`${repositoryRoot}${path}`, 'utf8')
const withoutComments = (text: string) => text.replace(/^\s*#.*$/gm, '')
const dockerfile = withoutComments(await read('deploy/Dockerfile'))
const compose = withoutComments(await read('docker-compose.yml'))
const secretsScript = await read('deploy/compose-secrets.sh')

const anchors = blocksOf(compose, /^x-([a-z]+): &\1$/m)
const services = blocksOf(sectionOf('services'), /^ {2}([a-z-]+):$/m)
const files = new Map(
  [...sectionOf('secrets').matchAll(/^ {2}(\w+): \{ file: '[^']*\}\/([\w.-]+)' \}$/gm)].map(
    ([, name = '', file = '']) => [name, file]
  )
)

t.test('no signal and no flag of an image opens a view into the memory of a service', async (t) => {
  const [, entrypoint = ''] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? []
  t.same(JSON.parse(entrypoint), ['node', '--disable-sigusr1'])
  t.equal(dockerfile.match(/^ENTRYPOINT/gm)?.length, 1, 'and no later one replaces it')
  for (const text of [dockerfile, compose])
    t.notMatch(text, /NODE_OPTIONS|--inspect|--heapsnapshot|--report|--cpu-prof|--heap-prof|entrypoint:/)
  t.match(dockerfile, /^USER 65532:65532$/m)
})

t.test('a service started like the images lives on after SIGUSR1 and listens to no debugger', async (t) => {
  if (spawnSync(process.execPath, ['--disable-sigusr1', '-e', '']).status !== 0) {
    t.pass('this Node does not know the flag; the images have one that does')
    return
  }
  const script = "process.stdin.resume().on('end', () => process.exit(7)); console.log('ready')"
  const child = spawn(process.execPath, ['--disable-sigusr1', '-e', script])
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  await once(child.stdout, 'data')
  child.kill('SIGUSR1')
  child.stdin.end()
  t.same(await once(child, 'close'), [7, null])
  t.equal(errors, '')
})

t.test('every container is read-only, without capabilities to gain, and leaves no core dump', async (t) => {
  const hardened = anchors.get('hardened') ?? ''
  for (const line of ['read_only: true', 'cap_drop: [ALL]', 'security_opt: [no-new-privileges]'])
    t.ok(hardened.includes(line), line)
  t.match(hardened, /ulimits: \{ core: 0 \}/)
  t.match(anchors.get('service'), /<<: \*hardened\n {2}user: '65532:65532'/)
  for (const name of ['gateway', 'secrets']) t.match(anchors.get(name), /<<: \*service/)
  t.same([...services.keys()].sort(), [
    'caddy',
    'gateway',
    'gateway-migrate',
    'postgres',
    'secrets',
    'secrets-migrate'
  ])
  for (const [name, block] of services) {
    t.match(block, /^ {4}<<: \*(hardened|gateway|secrets)$/m, name)
    t.notMatch(
      block,
      /privileged|network_mode|read_only|cap_drop|security_opt|user:/,
      `${name} loosens nothing`
    )
    t.match(block + (anchors.get('service') ?? ''), /mem_limit: \d+[mg]/, name)
  }
})

t.test('the database and the secrets service are on a network without a way in or out', async (t) => {
  t.match(sectionOf('networks'), /^ {2}private:\n {4}internal: true$/m)
  for (const [name, block] of services) {
    const networks = /networks: \[(.*)\]/.exec(block)?.[1]
    const isPublished = /^ {4}ports:/m.test(block)
    t.equal(isPublished, ['gateway', 'caddy'].includes(name), `${name} is published or is not`)
    t.equal(networks, { gateway: 'private, public', caddy: 'public' }[name] ?? 'private', name)
  }
  t.match(
    services.get('gateway'),
    /PAPERCLIP_PORT:-127\.0\.0\.1:3100\}/,
    'plain http is for this machine alone'
  )
})

t.test('every container gets the secrets it reads, as files, and no others', async (t) => {
  for (const [name, block] of services) {
    const given = /^ {4}secrets: \[(.*)\]$/m.exec(block)?.[1]?.split(', ') ?? []
    const named = [...block.matchAll(/\/run\/secrets\/([\w.-]+)/g)].map((match) => match[1] ?? '')
    const script = name === 'postgres' ? await read('deploy/postgres/init-roles.sh') : ''
    const inScript = [...script.matchAll(/\$secrets\/(\w+)/g)].map((match) => match[1] ?? '')
    t.same([...given].sort(), [...named, ...inScript].sort(), name)
    for (const secret of given) t.ok(files.has(secret), `${secret} is declared`)
  }
  const masterKeyHolders = [...services].filter(([, block]) => /secrets: \[.*master_key/.test(block))
  t.same(
    masterKeyHolders.map(([name]) => name),
    ['secrets'],
    'one container has the master key'
  )
  for (const file of files.values()) t.match(secretsScript, new RegExp(`\\b${file}\\b`), `${file} is made`)
})

t.test('every variable that a service gets is one that something reads', async (t) => {
  for (const [name, block] of services) {
    const variables = [...block.matchAll(/^ {6}([A-Z][A-Z_]+):/gm)].map((match) => match[1] ?? '')
    t.same(unknownVariables(Object.fromEntries(variables.map((variable) => [variable, 'x']))), [], name)
  }
})

/** The lines of a top-level section. */
function sectionOf(name: string): string {
  const [, rest = ''] = compose.split(new RegExp(`^${name}:\\n`, 'm'))
  return rest.split(/^\S/m)[0] ?? ''
}

/** What stands under each heading, up to the next one or to the next top-level line. */
function blocksOf(text: string, heading: RegExp): Map<string, string> {
  const [, ...parts] = text.split(heading)
  const blocks = new Map<string, string>()
  for (let index = 0; index < parts.length; index += 2)
    blocks.set(parts[index] ?? '', (parts[index + 1] ?? '').split(/^\S/m)[0] ?? '')
  return blocks
}
