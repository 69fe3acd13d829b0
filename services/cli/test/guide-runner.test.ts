import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startGuide, tryGuide } from './support/try-guide.js'

const fileMsMax = 120_000
t.setTimeout(fileMsMax)

const folder = mkdtempSync(join(tmpdir(), 'paperclip-guides-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const env = { TMPDIR: folder }

const head = '<!-- begins: nothing; on: instance, compose -->'
const block = (info: string, ...lines: string[]) => [`\`\`\`${info}`, ...lines, '```']

function namedGuide(name: string, lines: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}
const guide = (...lines: string[]) => namedGuide('fixture.md', lines)
const left = () => readdirSync(folder).filter((name) => name.startsWith('guide-'))

/** Answers at a port, says so, and leaves when asked. */
const server =
  `node -e 'const s = require("node:http").createServer((q, r) => r.end("here")).listen(process.env.PORT, () => ` +
  `console.log("listening at last")); process.on("SIGINT", () => { console.log("bye"); s.close(); s.closeAllConnections() })'`

t.test('blocks are run as a reader would, and what they print is compared', async (t) => {
  const path = guide(
    head,
    'A guide, of `<pre>` and `<!--` too.',
    ...block(
      'sh',
      'greeting="two  words" && export PLACE=here && test -n "$YOUR_KEY"',
      'say() { echo "$greeting, $1"; }',
      'mkdir part && cd part'
    ),
    '1. Indented:',
    ...block('sh', '# not a command', 'say \\', '  "$(basename "$PWD") $PLACE"').map((line) => `   ${line}`),
    ...block('text', '…two words, … here…'),
    ...block(
      'sh terminal=2',
      'echo "<$greeting> $(basename "$PWD")"',
      'test -d services -a -d "$HOME" -a ! -e "$PAPERCLIP_HOME"'
    ),
    ...block('text', '<> clone'),
    ...block('ini file=settings/.env', 'A=1'),
    ...block('ini append=settings/.env', 'B=2'),
    ...block('ini file=~/kept/too', 'C=3'),
    ...block('sh', 'cat ../settings/.env ~/kept/too; printf "(1+1) [no] end? of $ line" >&2'),
    ...block('text', 'A=1', 'B=2', 'C=3', '(1+1) [no] end? of $ line'),
    ...block('sh stays="listening (now|at last)"', server),
    ...block(
      'sh terminal=2',
      `node -e 'fetch("http://127.0.0.1:" + process.env.PORT).then((r) => r.text()).then(console.log)'`
    ),
    ...block('text', 'here'),
    ...block(
      'sh',
      'say "free again"',
      `node -e 'require("node:net").createServer().listen(process.env.PORT).close()'`
    ),
    ...block('text', 'two words, free again'),
    ...block('sh', 'if false; then', '  :', 'fi', 'cat <<"END"', '! $(', 'END', '# the end'),
    ...block('sh fails=3', 'echo before', 'exit 3'),
    ...block('text', 'before'),
    ...block('sh fails', 'echo no >&2 && false'),
    ...block('text', 'no'),
    ...block('sh on=compose', 'false'),
    ...block('sh needs=YOUR_AWS_ROLE', 'false'),
    ...block('json', '{"shown": true}'),
    ...['````js', '```', '```sh', 'false', '````'],
    ...block('sh', 'npm ci && unset PLACE YOUR_KEY'),
    ...block('sh stays="listening"', 'test -z "$PLACE$YOUR_KEY"', server),
    ...block(
      'sh terminal=3 stays="by the signal"',
      `node -e 'console.log("ends by the signal"); setInterval(() => {}, 1_000)'`
    )
  )
  const { code, stdout, stderr } = await tryGuide(t, path, { env })
  t.equal(stderr, '')
  t.equal(code, 0)
  t.match(stdout, /^\$ say "\$\(basename/m, 'a command that goes on is one')
  t.match(stdout, /^\[2\] \$ echo/m)
  t.match(stdout, /is left out: it needs YOUR_AWS_ROLE$/m)
  t.match(stdout, /: \d+ commands, all as the guide says \(instance, \d+ s\)$/m)
  t.same(left(), [], 'nothing is left')
})

const faults: readonly (readonly [what: string, lines: readonly string[], line: number, message: RegExp])[] =
  [
    ['a command that fails', block('sh', 'true', 'false', 'true'), 5, /status 1$/],
    ['a command that is none', block('sh', 'true', 'no-such-command'), 5, /status 127[\s\S]*no-such-command/],
    ['an exit', block('sh', 'exit 9'), 4, /status 9/],
    [
      'other output',
      [...block('sh', 'echo one; echo two'), ...block('text', 'one', '', 'three')],
      9,
      /not printed: three\n.*\| one\n/
    ],
    [
      'another order',
      [...block('sh', 'echo one; echo two'), ...block('text', 'two', 'one')],
      8,
      /not printed: one/
    ],
    [
      'the end of a line',
      [...block('sh', 'echo 11 of it'), ...block('text', '1 of it')],
      7,
      /not printed: 1 of/
    ],
    [
      'the beginning of a line',
      [...block('sh', 'echo 11 of it'), ...block('text', '11 of')],
      7,
      /not printed: 11 of/
    ],
    [
      'a line that comes twice',
      [...block('sh', 'echo one; echo two'), ...block('text', 'one', 'one')],
      8,
      /not printed: one/
    ],
    [
      'a failure that does not come',
      [...block('sh fails', 'echo x'), ...block('text', 'x')],
      3,
      /should fail, and did not/
    ],
    [
      'another failure',
      [...block('sh fails=2', 'echo x; (exit 4)'), ...block('text', 'x')],
      3,
      /status 2, and did with status 4/
    ],
    [
      'a failure before the one that is meant',
      [...block('sh fails', 'echo x', 'false', 'exit 1'), ...block('text', 'x')],
      5,
      /before its last command/
    ],
    [
      'a failure that is none of the product',
      [...block('sh fails', 'echo x; no-such-command'), ...block('text', 'x')],
      4,
      /not even started: status 127/
    ],
    ['the first command of a pipe', block('sh', 'false | cat', 'true'), 4, /status 1$/],
    ['what should not be', block('sh', '! true', 'true'), 4, /status 1$/],
    ['the first of two that belong together', block('sh', 'false && true', 'true'), 4, /status 1$/],
    ['a command within another one', block('sh', 'x=$(false; echo y)', 'true'), 4, /status 1$/],
    ['an end before the end', block('sh', 'exit 0', 'false'), 4, /before its last command/],
    ['a command in the background', block('sh', 'sleep 600 &'), 4, /left in the background/],
    [
      'what does not stay',
      block('sh stays="never"', 'echo gone'),
      4,
      /stay in the foreground ended with status 0\n.*gone/
    ],
    [
      'what is printed before the command that stays',
      block('sh stays="up"', 'echo up; sleep 600', 'sleep 601'),
      3,
      /before the last command began/
    ],
    [
      'what dies behind the back',
      [
        ...block('sh terminal=2 stays="up"', 'echo up; until [ -e ../dead ]; do sleep 0.1; done; exit 6'),
        ...block('sh', 'touch ../dead; sleep 600')
      ],
      4,
      /ended with status 6/
    ],
    [
      'what Ctrl-C ends badly',
      [
        ...block(
          'sh stays="up"',
          `node -e 'process.on("SIGINT", () => process.exit(5)); setInterval(() => console.log("up"), 9)'`
        ),
        ...block('sh', 'true')
      ],
      3,
      /after Ctrl-C .* status 5/
    ],
    ['nobody to approve', block('sh person=approve', 'echo signed in'), 4, /no address to approve/],
    ['a file elsewhere', block('ini file=/etc/no-such', 'A=1'), 3, /outside/],
    [
      'what opens doors is not shown',
      block(
        'sh',
        'echo http://h/board-claim/abc?code=def paperclip_board_xyz paperclip_agent_xyz',
        'echo eyJhbGci.eyJzdWIi.xyz postgres://u:xyz@h/d; false'
      ),
      5,
      /board-claim\/… paperclip_board_… paperclip_agent_…\n.* eyJ… postgres:\/\/u:…@h\/d/
    ]
  ]

t.test('whatever is not as the guide says ends the try and names its line', async (t) => {
  for (const [what, lines, line, message] of faults) {
    const path = guide(head, '', ...lines)
    const { code, stdout, stderr } = await tryGuide(t, path, { env })
    t.equal(code, 1, what)
    t.ok(stderr.startsWith(`${path}:${line}: `), stderr)
    t.match(stderr.trimEnd(), message)
    t.notMatch(stderr + stdout.replace(/^\$ .*/gm, ''), /code=def|xyz/)
    t.notMatch(stdout, /all as the guide says/)
  }
  t.same(left(), [])
})

/** For what has to be there first, on a busy machine, and for what is waited for in any case. */
const [untilUpSeconds, soonSeconds] = [8, 1]
/** Where a process goes on and what is waited for never comes. */
const waits: readonly (readonly [
  what: string,
  lines: readonly string[],
  waitSeconds: number,
  line: number,
  message: RegExp
])[] = [
  ['what never stays', block('sh stays="never"', 'sleep 600'), soonSeconds, 3, /print \/never\/ within 1 s/],
  ['what does not end', block('sh', 'true', 'sleep 600'), soonSeconds, 3, /did not end within 1 s/],
  [
    'an address that nobody prints',
    block('sh person=claim', 'sleep 600'),
    soonSeconds,
    3,
    /no address to claim/
  ],
  [
    'output of what stays',
    [...block('sh stays="up"', 'echo up; sleep 600'), ...block('text', 'up', 'down')],
    untilUpSeconds,
    8,
    /not printed within 8 s: down\n.*up$/
  ],
  [
    'what Ctrl-C does not end',
    [...block('sh stays="up"', `trap '' INT; echo up; sleep 600`), ...block('sh', 'true')],
    untilUpSeconds,
    3,
    /Ctrl-C did not end this in time/
  ],
  [
    'what it started and Ctrl-C does not end',
    block('sh stays="up"', `(trap '' INT; echo up; sleep 600) & sleep 600`),
    untilUpSeconds,
    3,
    /Ctrl-C did not end this in time/
  ]
]

t.test('what is waited for in vain is given up in time, and how long it was waited is said', async (t) => {
  await Promise.all(
    waits.map(async ([what, lines, waitSeconds, line, message], index) => {
      const path = namedGuide(`waits-${index}.md`, [head, '', ...lines])
      const { code, stderr } = await tryGuide(t, path, { env, args: ['--wait', String(waitSeconds)] })
      t.equal(code, 1, what)
      t.ok(stderr.startsWith(`${path}:${line}: `), stderr)
      t.match(stderr.trimEnd(), message)
    })
  )
  t.same(left(), [])
})

const misuses: readonly (readonly [
  what: string,
  lines: readonly string[],
  line: number | null,
  message: RegExp
])[] = [
  ['no beginning', ['# A guide', ...block('sh', 'true')], 1, /how it begins/],
  ['an unknown beginning', ['<!-- begins: somewhere -->'], 1, /"somewhere"/],
  ['an unknown deployment', ['<!-- begins: nothing; on: instance, mars -->'], 1, /"mars"/],
  ['a fence that stays open', [head, '```sh', 'true'], 2, /never closed/],
  ['an unknown attribute', [head, ...block('sh stay="x"', 'true')], 2, /no attribute "stay"/],
  ['an attribute of another block', [head, ...block('text stays="x"', 'true')], 2, /no attribute "stays"/],
  ['a wrong value', [head, ...block('sh on=mars', 'true')], 2, /instance or compose/],
  [
    'a person who does what nobody can',
    [head, ...block('sh person=steal', 'true')],
    2,
    /claim, approve or join/
  ],
  ['a failure with the status of success', [head, ...block('sh fails=0', 'false')], 2, /status from 1/],
  ['a failure that stays', [head, ...block('sh fails stays="x"', 'false')], 2, /does not fail/],
  ['an attribute that is said twice', [head, ...block('sh on=instance on=compose', 'true')], 2, /twice/],
  ['a file that is new and not', [head, ...block('ini file=a append=b', 'A=1')], 2, /a file or is appended/],
  ['a wrong expression', [head, ...block('sh stays="("', 'true')], 2, /regular expression/],
  ['an attribute without value', [head, ...block('sh terminal', 'true')], 2, /wants a value/],
  ['a block that names nothing', [head, ...block('', 'npm start')], 2, /no language/],
  ['commands that nothing would run', [head, ...block('bash', 'npm start')], 2, /write sh/],
  ['commands of another name', [head, ...block('SH', 'npm start')], 2, /write sh/],
  ['commands in a quotation', [head, ...block('sh', 'true').map((line) => `> ${line}`)], 2, /quotation/],
  ...['-', '12.'].map(
    (mark) =>
      [
        'commands on the line of a list',
        [head, `${mark} \`\`\`sh`, '  true', '  ```'],
        2,
        /list item/
      ] as const
  ),
  ...['    ', '\t'].map(
    (indent) => ['an indented block', [head, '', `${indent}npm start`], 3, /indented/] as const
  ),
  ...['pre', 'code'].map((tag) => ['a block of HTML', [head, `<${tag}>npm start`], 2, /HTML/] as const),
  ['a block in a comment', [head, '<!--', ...block('sh', 'true'), '-->'], 3, /never shown/],
  ...['false || true', 'false ||:'].map(
    (command) => ['a failure that is hidden', [head, ...block('sh', command)], 2, /proves nothing/] as const
  ),
  ...['set +e', '  set +o pipefail'].map(
    (command) => ['bash told to go on', [head, ...block('sh', command)], 2, /options of bash/] as const
  ),
  ['no command', [head, ...block('sh', '# true')], 2, /no command/],
  ['a failure for any reason', [head, ...block('sh fails', 'false')], 2, /any reason/],
  ['output that is always there', [head, ...block('sh', 'true'), ...block('text', '…')], 5, /any output/],
  ['a start that is always there', [head, ...block('sh stays=".*"', 'true')], 2, /before anything/],
  ['output of nothing', [head, ...block('text', 'one')], 2, /sh block before it/],
  ['a guide for something else', ['<!-- begins: nothing; on: compose -->'], 1, /not for instance/]
]

t.test('a guide that cannot be run is refused before anything is', async (t) => {
  for (const [what, lines, line, message] of misuses) {
    const path = guide(...lines)
    const { code, stdout, stderr } = await tryGuide(t, path, { env, args: ['--on', 'instance'] })
    t.same({ code, stdout }, { code: 2, stdout: '' }, what)
    t.ok(stderr.startsWith(`${path}:${line}: `), stderr)
    t.match(stderr, message)
  }
  t.match(await tryGuide(t, join(folder, 'none.md')), { code: 2, stderr: /none\.md/ })
  t.match(await tryGuide(t, guide(head), { args: ['--fast'] }), { code: 2, stderr: /--fast/ })
  t.match(await tryGuide(t, guide(head), { args: ['--wait', 'long'] }), { code: 2, stderr: /seconds/ })
  t.match(await tryGuide(t, '--help'), { code: 0, stdout: /^Usage: npm run guide/, stderr: '' })
})

t.test('a signal ends what was started and removes the place', async (t) => {
  const path = guide(
    head,
    ...block('sh stays="up"', 'echo up; exec sleep 600'),
    ...block('sh terminal=2', 'echo here', 'sleep 601 & sleep 602')
  )
  const started = await startGuide(t, path, { env })
  await started.waitForLine(/sleep 602/)
  started.child.kill('SIGTERM')
  t.match(await started.ended, { code: 143 })
  t.match(started.stderr(), /ended by SIGTERM/)
  t.same(left(), [])
})
