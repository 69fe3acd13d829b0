import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  SignatureError,
  type SignatureErrorCode,
  signingProfile,
  verifyRequest,
  verifyRequestHead
} from '../src/index.js'
import { signatureMac } from '../src/signature-base.js'
import {
  gatewayKey,
  header,
  listSecrets,
  nowMs,
  putSecret,
  type Received,
  runnerKey,
  signAndSend,
  verifierAt,
  withExtraHeader,
  withHeader,
  withoutHeader
} from './fixtures/sample-request.js'

/** The refusal's code, `accepted`, or a failure if anything but a SignatureError comes out. */
function outcome(received: Received, atMs = nowMs): SignatureErrorCode | 'accepted' {
  try {
    verifyRequest(received, verifierAt(atMs))
    return 'accepted'
  } catch (error) {
    if (error instanceof SignatureError) return error.code
    throw error
  }
}

const replace = (from: string, to: string) => (value: string) => value.replace(from, to)
const signedHeaders = [
  'host',
  'content-type',
  'content-digest',
  'paperclip-actor',
  'signature-input',
  'signature'
]

t.test('a request without signature headers is unsigned, with one of the two malformed', async (t) => {
  const sent = signAndSend(putSecret)
  const bare = withoutHeader(withoutHeader(sent, 'signature'), 'signature-input')
  t.equal(outcome(bare), 'unsigned')
  t.equal(outcome({ ...bare, rawHeaders: [] }), 'unsigned')
  t.equal(outcome(withoutHeader(sent, 'signature')), 'malformed')
  t.equal(outcome(withoutHeader(sent, 'signature-input')), 'malformed')
})

t.test('a covered header that is missing, doubled in any casing, joined or padded is refused', async (t) => {
  const sent = signAndSend(putSecret)
  for (const name of signedHeaders) {
    const value = header(sent, name)
    t.equal(outcome(withoutHeader(sent, name)), 'malformed', `${name} missing`)
    for (const spelling of [name, name.toUpperCase(), `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`]) {
      t.equal(outcome(withExtraHeader(sent, spelling, value)), 'malformed', `${spelling} twice`)
      t.equal(outcome(withExtraHeader(sent, spelling, '')), 'malformed', `${spelling} twice, once empty`)
    }
    for (const edited of [`${value}, ${value}`, `${value},${value}`, ` ${value}`, `${value}\t`, '', ',']) {
      t.equal(
        outcome(withHeader(sent, name, () => edited)),
        'malformed',
        `${name} as "${edited.slice(0, 8)}…"`
      )
    }
  }
  t.equal(outcome(withExtraHeader(sent, 'Content-Encoding', 'gzip')), 'malformed', 'encoded')
  t.equal(outcome({ ...sent, rawHeaders: [...sent.rawHeaders, 'odd'] }), 'malformed', 'half a pair')
  t.equal(
    outcome(withExtraHeader(sent, 'x-other', 'anything, at all')),
    'accepted',
    'a header outside the profile'
  )
})

t.test('a second label is refused, wherever it stands and whatever it signs', async (t) => {
  const sent = signAndSend(putSecret)
  const other = signAndSend(putSecret, runnerKey)
  const relabel = (value: string, label: string) => value.replace(/^internal=/, `${label}=`)
  const cases: Record<string, (own: string, foreign: string) => string> = {
    'good first, good second': (own, foreign) => `${own}, ${relabel(foreign, 'second')}`,
    'bad first, good second': (own, foreign) =>
      `${relabel(foreign, 'a').replace(/[A-Za-z]:$/, 'A:')}, ${own}`,
    'same label twice': (own, foreign) => `${own}, ${foreign}`,
    'no space between': (own, foreign) => `${own},${relabel(foreign, 'second')}`
  }
  for (const [name, join] of Object.entries(cases)) {
    const both = ['signature-input', 'signature'].reduce(
      (received, field) => withHeader(received, field, (own) => join(own, header(other, field))),
      sent
    )
    t.equal(outcome(both), 'malformed', name)
  }
  for (const label of ['sig1', 'Internal', 'internal1', '']) {
    const relabelled = ['signature-input', 'signature'].reduce(
      (received, field) => withHeader(received, field, (own) => relabel(own, label)),
      sent
    )
    t.equal(outcome(relabelled), 'malformed', `label "${label}"`)
  }
})

t.test(
  'any other component list or parameter set is refused, even when properly signed with the key',
  async (t) => {
    const sent = signAndSend(putSecret)
    const input = header(sent, 'signature-input')
    const nonce = /nonce="[^"]+"/.exec(input)?.[0] ?? ''
    const edits: Record<string, (value: string) => string> = {
      'method dropped': replace('"@method" ', ''),
      'authority dropped': replace('"@authority" ', ''),
      'path dropped': replace('"@path" ', ''),
      'query dropped': replace('"@query" ', ''),
      'content type dropped though there is a body': replace('"content-type" ', ''),
      'digest dropped': replace('"content-digest" ', ''),
      'actor dropped': replace(' "paperclip-actor"', ''),
      'component doubled': replace('"@path"', '"@path" "@path"'),
      'component added': replace('"@path"', '"@path" "date"'),
      'components swapped': replace('"@method" "@authority"', '"@authority" "@method"'),
      'component with a parameter': replace('"content-digest"', '"content-digest";bs'),
      'component in capitals': replace('"content-digest"', '"Content-Digest"'),
      'empty list': (value) => value.replace(/\(.*\)/, '()'),
      'created dropped': replace(';created=1767225600', ''),
      'expires dropped': replace(';expires=1767225630', ''),
      'nonce dropped': replace(`;${nonce}`, ''),
      'keyid dropped': replace(';keyid="gateway-1"', ''),
      'alg dropped': replace(';alg="hmac-sha256"', ''),
      'tag dropped': replace(';tag="paperclip-internal-1"', ''),
      'parameters swapped': replace(
        ';alg="hmac-sha256";tag="paperclip-internal-1"',
        ';tag="paperclip-internal-1";alg="hmac-sha256"'
      ),
      'parameter doubled': replace(';alg=', ';alg="hmac-sha256";alg='),
      'parameter added': (value) => `${value};extra=1`,
      'other alg': replace('hmac-sha256', 'hmac-sha512'),
      'no alg': replace('hmac-sha256', 'none'),
      'asymmetric alg': replace('hmac-sha256', 'ed25519'),
      'other tag': replace('paperclip-internal-1', 'paperclip-internal-2'),
      'short nonce': replace(nonce, 'nonce="AAAA"'),
      'nonce with spare bits': replace(nonce, 'nonce="AAAAAAAAAAAAAAAAAAAAAB"'),
      'created as text': replace('created=1767225600', 'created="1767225600"'),
      'created as decimal': replace('created=1767225600', 'created=1767225600.0'),
      'created with a zero in front': replace('created=', 'created=0'),
      'expires negative': replace('expires=', 'expires=-'),
      'space after a semicolon': replace(';created', '; created'),
      'too long': (value) => value.replace('gateway-1', 'g'.repeat(signingProfile.signatureInputBytesMax))
    }
    const base = [
      '"@method": PUT',
      '"@authority": secrets.internal:3200',
      `"@path": ${putSecret.path}`,
      `"@query": ${putSecret.query}`,
      `"content-type": ${putSecret.contentType}`,
      `"content-digest": ${header(sent, 'content-digest')}`,
      `"paperclip-actor": ${putSecret.actor}`
    ].join('\n')
    const resign = (edit: (value: string) => string) => {
      const params = edit(input).replace(/^internal=/, '')
      const mac = signatureMac(gatewayKey.hmacKey, `${base}\n"@signature-params": ${params}`)
      const edited = withHeader(sent, 'signature-input', edit)
      return withHeader(edited, 'signature', () => `internal=:${mac.toString('base64')}:`)
    }
    t.equal(outcome(resign((value) => value)), 'accepted', 'the same hand signs the right list')
    for (const [name, edit] of Object.entries(edits)) {
      t.not(edit(input), input, `${name} changes something`)
      t.equal(outcome(resign(edit)), 'malformed', name)
    }
  }
)

t.test('a content type comes with a body and only with one', async (t) => {
  const empty = `sha-256=:${createHash('sha256').digest('base64')}:`
  t.equal(outcome(withExtraHeader(signAndSend(listSecrets), 'content-type', 'text/plain')), 'malformed')
  t.equal(outcome(withHeader(signAndSend(putSecret), 'content-digest', () => empty)), 'malformed')
  const uncovered = withExtraHeader(signAndSend(listSecrets), 'content-type', 'text/plain')
  const digest = header(signAndSend(putSecret), 'content-digest')
  t.equal(outcome(withHeader(uncovered, 'content-digest', () => digest)), 'malformed')
})

t.test('only a known, unexpired key counts, and each key only for itself', async (t) => {
  const sent = signAndSend(putSecret)
  t.equal(outcome(withHeader(sent, 'signature-input', replace('gateway-1', 'gateway-2'))), 'unknown_key')
  t.equal(outcome(withHeader(sent, 'signature-input', replace('gateway-1', 'runner-1'))), 'bad_signature')
  t.equal(
    outcome(withHeader(sent, 'signature', () => header(signAndSend(putSecret), 'signature'))),
    'bad_signature'
  )
  const until = (notAfterMs: number) => ({ findKey: () => ({ ...gatewayKey, notAfterMs }), nowMs })
  t.throws(() => verifyRequest(sent, until(nowMs)), { code: 'key_expired' })
  t.ok(verifyRequest(sent, until(nowMs + 1)))
})

t.test(
  'a signature counts from 5 s before it was created until it expires, to the millisecond',
  async (t) => {
    const sent = signAndSend(putSecret)
    const outcomes: [number, SignatureErrorCode | 'accepted'][] = [
      [-5001, 'stale'],
      [-5000, 'accepted'],
      [0, 'accepted'],
      [29_999, 'accepted'],
      [30_000, 'stale'],
      [31_000, 'stale'],
      [3_600_000, 'stale']
    ]
    for (const [laterMs, expected] of outcomes)
      t.equal(outcome(sent, nowMs + laterMs), expected, `${laterMs} ms`)
    const forSeconds = (expires: number) =>
      withHeader(sent, 'signature-input', replace('expires=1767225630', `expires=${expires}`))
    t.equal(outcome(forSeconds(1767225631)), 'stale', '31 s')
    t.equal(outcome(forSeconds(1767225600)), 'stale', '0 s')
    t.equal(outcome(forSeconds(1767225599)), 'stale', 'backwards')
    t.equal(outcome(forSeconds(1767225629)), 'bad_signature', '29 s, which were not signed')
  }
)

t.test('freshness is judged before a key is looked up', async (t) => {
  const findKey = () => t.fail('a key was looked up') as never
  t.throws(() => verifyRequest(signAndSend(putSecret), { findKey, nowMs: nowMs + 30_000 }), { code: 'stale' })
})

t.test('the head is settled before the body is there, and no body but the signed one follows', async (t) => {
  const sent = signAndSend(putSecret)
  const { body: _, ...head } = sent
  const verified = verifyRequestHead(head, verifierAt(nowMs))
  t.equal(verified.contentDigest, header(sent, 'content-digest'))
  t.equal(outcome({ ...sent, body: Buffer.from(`${putSecret.body} `) }), 'bad_digest')
  t.equal(outcome({ ...sent, body: Buffer.alloc(0) }), 'bad_digest')
  t.equal(outcome({ ...sent, body: null }), 'bad_digest')
  t.equal(outcome({ ...signAndSend(listSecrets), body: Buffer.from('{}') }), 'bad_digest')
  t.equal(outcome({ ...signAndSend(listSecrets), body: Buffer.alloc(0) }), 'accepted')
})

t.test('no mutation of a signed request is accepted (10,000 cases)', async (t) => {
  const printable = fc.string({
    unit: fc.constantFrom(...' !"#%&(),./:;=?@\\_-09AZaz~\t\r\nä'),
    minLength: 1,
    maxLength: 3
  })
  /** Cuts a text at a random place and puts something else there; never returns the text itself. */
  const edit = fc.record({ at: fc.nat(), remove: fc.nat(4), insert: fc.option(printable, { nil: '' }) })
  const apply = (text: string, { at, remove, insert }: { at: number; remove: number; insert: string }) => {
    const start = at % (text.length + 1)
    return `${text.slice(0, start)}${insert}${text.slice(start + remove)}`
  }
  const part = fc.constantFrom('method', 'path', 'query', 'body', ...signedHeaders)
  const counts = new Map<string, number>()
  const property = fc.property(part, edit, fc.boolean(), (name, change, hasBody) => {
    const sent = signAndSend(hasBody ? putSecret : { ...listSecrets, query: '?limit=10' })
    const [path = '', query = ''] = sent.url.split(/(?=\?)/)
    const mutants: Record<string, () => Received> = {
      method: () => ({ ...sent, method: apply(sent.method, change) }),
      path: () => ({ ...sent, url: `${apply(path, change)}${query}` }),
      query: () => ({ ...sent, url: `${path}${apply(query, change)}` }),
      body: () => ({ ...sent, body: Buffer.from(apply(String(sent.body ?? ''), change)) })
    }
    const target = name === 'content-type' && !hasBody ? 'host' : name
    const mutant = mutants[target]?.() ?? withHeader(sent, target, (value) => apply(value, change))
    fc.pre(!isSame(mutant, sent))
    const result = outcome(mutant)
    counts.set(result, (counts.get(result) ?? 0) + 1)
    return result !== 'accepted'
  })
  fc.assert(property, { numRuns: 10_000, maxSkipsPerRun: 10 })
  t.equal(counts.get('accepted'), undefined)
  for (const code of ['malformed', 'bad_signature', 'bad_digest', 'stale', 'unknown_key']) {
    t.ok(counts.get(code), `some were ${code}`)
  }
})

/** Equal in everything covered: the case of the host is not, and an absent body is an empty one. */
function isSame(a: Received, b: Received): boolean {
  const view = ({ method, url, rawHeaders, body }: Received) =>
    JSON.stringify([
      method,
      url,
      withHeader({ method, url, rawHeaders, body }, 'host', (host) => host.toLowerCase()).rawHeaders,
      String(body ?? '')
    ])
  return view(a) === view(b)
}
