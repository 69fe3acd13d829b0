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

const anchors = blocksOf(compose, /^x-([a-z-]+): &\1$/m)
const services = blocksOf(sectionOf('services'), /^ {2}([a-z-]+):$/m)
/** What somebody runs and waits for; `up` starts none of it. */
const tools = ['doctor', 'keys', 'paperclipai']
const files = new Map(
  [...sectionOf('secrets').matchAll(/^ {2}(\w+): \{ file: '[^']*\}\/([\w.-]+)' \}$/gm)].map(
    ([, name = '', file = '']) => [name, file]
  )
)

t.test('no signal and no flag of an image opens a view into the memory of a service', async (t) => {
  const entrypoints = [...dockerfile.matchAll(/^ENTRYPOINT (\[.*\])$/gm)].map((match) => match[1] ?? '')
  t.equal(entrypoints.length, 2, 'of the services and of the command line')
  for (const entrypoint of entrypoints)
    t.same(JSON.parse(entrypoint).slice(0, 2), ['node', '--disable-sigusr1'])
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
  for (const name of ['gateway', 'secrets', 'cli']) t.match(anchors.get(name), /<<: \*service/)
  const lasting = ['caddy', 'gateway', 'gateway-migrate', 'postgres', 'secrets', 'secrets-migrate']
  t.same([...services.keys()].sort(), [...lasting, ...tools].sort())
  for (const name of tools) t.match(services.get(name), /^ {4}<<: \*cli$/m, name)
  t.match(anchors.get('cli'), /profiles: \[tools\]\n {2}restart: 'no'/)
  for (const [name, block] of services) {
    t.match(block, /^ {4}<<: \*(hardened|gateway|secrets|cli)$/m, name)
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
  t.match(sectionOf('networks'), /^ {2}tools:\n {4}internal: true$/m)
  const elsewhere: Record<string, string> = {
    gateway: 'private, public, tools',
    caddy: 'public',
    paperclipai: 'tools',
    keys: 'tools',
    doctor: 'private, tools'
  }
  for (const [name, block] of services) {
    const networks = /networks: \[(.*)\]/.exec(block)?.[1]
    const isPublished = /^ {4}ports:/m.test(block)
    t.equal(isPublished, ['gateway', 'caddy'].includes(name), `${name} is published or is not`)
    t.equal(networks, elsewhere[name] ?? 'private', name)
  }
  t.match(
    services.get('gateway'),
    /PAPERCLIP_PORT:-127\.0\.0\.1:3100\}/,
    'plain http is for this machine alone'
  )
})

t.test('every container gets the secrets it reads, as files, and no others', async (t) => {
  for (const [name, block] of services) {
    const given = /^ {4}secrets: \[([^\]]*)\]$/m.exec(block)?.[1]?.split(/,\s+/) ?? []
    const named = [...merged(block).matchAll(/\/run\/secrets\/([\w.-]+)/g)].map((match) => match[1] ?? '')
    const script = name === 'postgres' ? await read('deploy/postgres/init-roles.sh') : ''
    const inScript = [...script.matchAll(/\$secrets\/(\w+)/g)].map((match) => match[1] ?? '')
    t.same([...given].sort(), [...named, ...inScript].sort(), name)
    for (const secret of given) t.ok(files.has(secret), `${secret} is declared`)
  }
  for (const file of files.values()) t.match(secretsScript, new RegExp(`\\b${file}\\b`), `${file} is made`)
})

t.test(
  'one container that lasts has the master key, and of the tools those that cannot do without',
  async (t) => {
    const holders = [...services].filter(([, block]) => /secrets: \[[^\]]*master_key/.test(block))
    t.same(
      holders.map(([name]) => name),
      ['secrets', 'doctor']
    )
    const ofFolder = [...services].filter(([, block]) => /- '\$\{PAPERCLIP_SECRETS_DIR/.test(block))
    t.same(
      ofFolder.map(([name]) => name),
      ['keys']
    )
    t.notMatch(
      services.get('paperclipai'),
      /secrets|SECRET/,
      'ordinary commands have no secret of the deployment'
    )
  }
)

t.test('every variable that a service gets is one that something reads', async (t) => {
  const proxy = await read('deploy/Caddyfile')
  for (const [name, block] of services) {
    const variables = variablesIn(merged(block))
    if (name === 'caddy') for (const variable of variables) t.ok(proxy.includes(`{$${variable}`), variable)
    else t.same(unknownVariables(Object.fromEntries(variables.map((variable) => [variable, 'x']))), [], name)
  }
})

t.test('every setting of a service can be made with compose, or is not an operator’s there', async (t) => {
  const added = (await read('deploy/compose-aws.yml')) + (await read('deploy/compose-hop-tls.yml'))
  // The port inside, the folder that no image writes to, and what the launcher alone says.
  const notMade = ['PORT', 'PAPERCLIP_SECRETS_PORT', 'PAPERCLIP_HOME', 'PAPERCLIP_INSTANCE_ID']
  const ofLauncher = ['PAPERCLIP_PARENT_FD', 'PAPERCLIP_EMBEDDED_DATABASE']
  for (const name of ['gateway', 'secrets']) {
    const source = await read(`services/${name}/src/config.ts`)
    const more = name === 'gateway' ? await read('services/gateway/src/config-secrets.ts') : ''
    const settings = new Set((source + more).match(/\b[A-Z]+(?:_[A-Z]+)*(?=: (?:Type|Port)\b|'[,\n])/g) ?? [])
    t.ok(settings.size > 10, name)
    const given = variablesIn(merged(services.get(name) ?? '') + added)
    for (const setting of settings)
      if (![...notMade, ...ofLauncher].includes(setting))
        t.ok(given.includes(setting) || given.includes(`${setting}_FILE`), `${name}: ${setting}`)
  }
})

function variablesIn(block: string): string[] {
  return [...block.matchAll(/^ +([A-Z][A-Z_]+):/gm)].map((match) => match[1] ?? '')
}

/** A block with the settings that it takes over from anchors. */
function merged(block: string): string {
  const names = [...block.matchAll(/\*([a-z]+-settings)/g)].map((match) => match[1] ?? '')
  return [block, ...names.map((name) => anchors.get(name) ?? '')].join('\n')
}

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
