import { once } from 'node:events'
import { text as textOf } from 'node:stream/consumers'
import { redactionPlaceholder as mask } from '@paperclip/contracts'
import fc from 'fast-check'
import t from 'tap'
import { isRedactable, RedactionError, redactedBytesMin, redactionOf, redactionStream } from '../src/index.js'

// Every kind of escaping has work with these. None stands in the mask, so that no value can seem to survive in it.
const characters = [...'abcxyz0189+/=?&%#"\\\'<>~!()$`- \n\t', 'é', 'ß', '日', '💡']
const value = fc.string({ unit: fc.constantFrom(...characters), maxLength: 40 })
const values = fc.array(value.filter(isRedactable), { minLength: 1, maxLength: 4 })
const noise = fc.string({ unit: fc.constantFrom(...characters, '\r', '.', '\0'), maxLength: 60 })

const nested = (text: string) => JSON.stringify({ text: JSON.stringify({ text }) })
const ascii = (text: string) =>
  JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
const encoders: Record<string, (text: string) => string> = {
  exact: (text) => text,
  'in a URL': encodeURIComponent,
  'in a URL, lower case': (text) => encodeURIComponent(text).replaceAll(/%../g, (code) => code.toLowerCase()),
  'in a form': (text) => new URLSearchParams({ text }).toString(),
  'in a form, with ~ as it is': (text) =>
    encodeURIComponent(text)
      .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%20', '+'),
  'in double quotes of a shell': (text) => `"${text.replaceAll(/[\\"$`]/g, '\\$&')}"`,
  'in single quotes of a shell': (text) => `'${text.replaceAll("'", "'\\''")}'`,
  'in JSON': (text) => JSON.stringify(text),
  'in ASCII JSON': ascii,
  'in ASCII JSON, upper case': (text) =>
    ascii(text).replaceAll(/\\u([0-9a-f]{4})/g, (_, code: string) => `\\u${code.toUpperCase()}`),
  'in JSON for a page': (text) =>
    JSON.stringify(text).replaceAll(/[<>&']/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`),
  'in JSON with escaped slashes': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'in JSON in JSON': nested
}

/** Those that escape this and not that are found wherever no other `%` stands directly before. */
const escaping: typeof encoders = {
  'as an address': encodeURI,
  'with every byte escaped': (text) => Buffer.from(text).toString('hex').replaceAll(/../g, '%$&'),
  'with every other byte escaped': (text) =>
    [...text]
      .map((character, index) => (index % 2 && character !== '%' ? character : encodeURIComponent(character)))
      .join('')
}

/** Writes a text in pieces; the cuts are where the numbers say, in characters of a byte each. */
function redact(secrets: readonly string[], bytes: Buffer, cuts: readonly number[] = []): Buffer {
  const redactor = redactionOf(secrets).createRedactor()
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  let from = 0
  const output = places.map((to) => {
    const piece = redactor.push(bytes.subarray(from, to))
    from = to
    return piece
  })
  return Buffer.concat([...output, redactor.end()])
}
const redactText = (secrets: readonly string[], text: string) => redact(secrets, Buffer.from(text)).toString()
const cuts = fc.array(fc.nat(4_000), { maxLength: 30 })

t.test('any cutting into chunks gives what masking the whole gives', async () => {
  const part = fc.oneof(
    noise.map((text) => () => text),
    fc
      .tuple(
        fc.nat(),
        fc.constantFrom(...Object.values({ ...encoders, ...escaping })),
        fc.nat(60),
        fc.nat(60)
      )
      .map(([index, encode, start, length]) => (all: readonly string[]) => {
        const whole = encode(all[index % all.length] ?? '')
        return whole.slice(start % 8, (start % 8) + (length < 30 ? whole.length : length))
      })
  )
  fc.assert(
    fc.property(values, fc.array(part, { maxLength: 8 }), cuts, (all, parts, where) => {
      const bytes = Buffer.from(parts.map((make) => make(all)).join(''))
      const whole = redact(all, bytes)
      const single = Array.from({ length: bytes.length }, (_, index) => index)
      return whole.equals(redact(all, bytes, where)) && whole.equals(redact(all, bytes, single))
    }),
    { numRuns: 300 }
  )
})

for (const [name, encode] of Object.entries({ ...encoders, ...escaping }))
  t.test(`no value survives ${name}`, async () => {
    const before = Object.hasOwn(escaping, name) ? noise.map((text) => `${text} `) : noise
    fc.assert(
      fc.property(values, before, noise, (all, left, right) => {
        const output = redactText(all, all.map((text) => left + encode(text.trim()) + right).join('\n'))
        return all.every((text) => !output.includes(text.trim()) && !output.includes(encode(text.trim())))
      })
    )
  })

t.test('an encoding is known behind a sign that only looks like the beginning of an escape', async (t) => {
  for (const [secret, encoded] of [
    ['ab c!', 'ab%20c!'],
    ['ab/c!', 'ab%2Fc%21'],
    ['ab/c!', 'ab%2fc%21'],
    ['ab c~', 'ab+c~'],
    ['ab c*!', 'ab+c*%21']
  ] as const)
    t.equal(redactText([secret], `100%${encoded} ${encoded}`), `100%${mask} ${mask}`, encoded)
  const escaped = Buffer.from('secret-value').toString('hex').replaceAll(/../g, '%$&')
  for (let count = 4_080; count < 4_100; count++) {
    const before = '%20'.repeat(count)
    t.ok(
      redactText(['secret-value'], `${before}${escaped}!`) === `${before}${mask}!`,
      `behind ${count} escapes`
    )
  }
})

t.test('no value survives inside base64 of either alphabet, wherever it begins', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 7 })
  const alphabet = fc.constantFrom('base64' as const, 'base64url' as const)
  fc.assert(
    fc.property(value.filter(isRedactable), bytes, bytes, alphabet, (secret, left, right, encoding) => {
      const own = Buffer.from(secret.trim())
      const output = redactText([secret], Buffer.concat([left, own, right]).toString(encoding))
      // At most what one character at either end has of it.
      const restMax = Math.ceil((left.length * 8) / 6) + Math.ceil((right.length * 8) / 6) + 2 + '=='.length
      return output.includes(mask) && output.replaceAll(mask, '').length <= restMax
    })
  )
  const lines = (text: string, end: string) => text.replaceAll(/.{64}(?!$)/g, `$&${end}`)
  const long = fc
    .string({ unit: fc.constantFrom(...characters), minLength: 80, maxLength: 400 })
    .filter(isRedactable)
  fc.assert(
    fc.property(long, bytes, bytes, alphabet, fc.constantFrom('\n', '\r\n', '\n    '), cuts, (...given) => {
      const [secret, left, right, encoding, end, where] = given
      const whole = Buffer.concat([left, Buffer.from(secret.trim()), right]).toString(encoding)
      const output = redact([secret], Buffer.from(lines(whole, end)), where).toString()
      const own = redactText([secret], whole)
      return output.replaceAll(end, '') === own
    })
  )
  const inUrl = fc.property(value.filter(isRedactable), (secret) => {
    const output = redactText([secret], encodeURIComponent(Buffer.from(secret.trim()).toString('base64')))
    return output.includes(mask) && output.replaceAll(mask, '').length <= 8
  })
  fc.assert(inUrl)
  t.equal(
    redactText(['s3cr3t-value'], `Authorization: Basic ${btoa('me:s3cr3t-value')}\n`),
    `Authorization: Basic bWU6${mask}\n`
  )
})

t.test('bytes without values pass unchanged, whatever they are', async () => {
  fc.assert(
    fc.property(values, fc.uint8Array({ maxLength: 2_000 }), cuts, (all, random, where) => {
      // None of the values is of these bytes alone.
      const bytes = Buffer.from(random.map((byte) => byte | 0x80))
      const ownOnly = all.filter((text) => /^[\x20-\x7e]+$/.test(text))
      return redact(ownOnly, bytes, where).equals(bytes)
    })
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => redact([], Buffer.from(bytes)).equals(bytes))
  )
})

t.test('values that overlap, contain or follow each other are masked to their last byte', async (t) => {
  t.equal(redactText(['abcdef', 'defghi'], '<abcdefghi>'), `<${mask}>`)
  t.equal(redactText(['abcd', 'abcdefgh'], '<abcdefgh> <abcdef>'), `<${mask}> <${mask}ef>`)
  t.equal(redactText(['abcdefghij', 'cdef'], 'abcdefghi'), `ab${mask}ghi`)
  t.equal(redactText(['abcd'], 'abcdabcd'), mask + mask)
  t.equal(redactText(['aaaa'], 'aaaaaa aaa'), `${mask} aaa`)
  t.equal(redactText(['abcd\n'], 'abcd\nx'), `${mask}\nx`, 'a line end stays')
})

t.test('a value of several lines is masked as one, and line by line when they are set apart', async (t) => {
  const line = (letter: string) => letter.repeat(24)
  const secret = `${line('a')}\n${line('b')}\nend\n`
  t.equal(redactText([secret], secret), `${mask}\n`)
  t.equal(
    redactText([secret], `  ${line('a')}\r\n  ${line('b')}\r\n  end`),
    `  ${mask}\r\n  ${mask}\r\n  end`
  )
  t.equal(redactText([secret], secret.replaceAll('\n', '\r\n')), `${mask}\r\n`, 'as a terminal has it')
  t.equal(redactText([secret.replaceAll('\n', '\r\n')], secret), `${mask}\n`, 'and the other way about')
})

t.test('short values stay, and what is too much to look for is refused without showing it', async (t) => {
  t.equal(redactedBytesMin, 4)
  t.notOk(isRedactable('abc') || isRedactable('  abc \n') || isRedactable(''))
  t.ok(isRedactable('abcd') && isRedactable('日本'))
  t.equal(redactText(['abc', ''], 'abc'), 'abc')
  const large = Array.from({ length: 60 }, (_, index) => `${index}/"${'x y'.repeat(20_000)}`)
  t.throws(() => redactionOf(large), { name: 'RedactionError', message: /^[^\d]*$/ })
  t.throws(() => redactionOf(large), RedactionError)
})

t.test('only the beginning of a value is held back', async (t) => {
  const redactor = redactionOf(['secret-value']).createRedactor()
  t.equal(redactor.push(Buffer.from('prompt> ')).toString(), 'prompt> ')
  t.equal(redactor.push(Buffer.from('a sec')).toString(), 'a ')
  t.equal(redactor.heldBytes, 3)
  t.equal(redactor.push(Buffer.from('ond\n')).toString(), 'second\n')
  t.equal(redactor.heldBytes, 0)
  // An escape that was cut, and an escape that is none.
  t.equal(redactor.push(Buffer.from('50%')).toString(), '50')
  t.equal(redactor.push(Buffer.from(' of 3%7')).toString(), '% of 3')
  t.equal(redactor.push(Buffer.from('z\n')).toString(), '%7z\n')
  t.equal(redactor.push(Buffer.from('%73%65%6')).toString(), '')
  t.equal(redactor.push(Buffer.from('3ret-value\n')).toString(), `${mask}\n`)
  // Lines of text are no lines of base64, whatever they end with.
  const line = `${'word '.repeat(20)}${btoa('secret-value').slice(0, 3)}\n`
  t.equal(redactor.push(Buffer.from(line)).toString(), line)
})

t.test('who waits sees a beginning of a few bytes, or the mask, and never the rest of a value', async (t) => {
  const redaction = redactionOf(['secret-value', 'secret-valuable'])
  const shownBy = (...steps: (string | null)[]) => {
    const redactor = redaction.createRedactor()
    const output = steps.map((step) =>
      step === null ? redactor.release() : redactor.push(Buffer.from(step))
    )
    return Buffer.concat([...output, redactor.end()]).toString()
  }
  t.equal(shownBy('a se', null), 'a se')
  t.equal(shownBy('a se', null, null, 'nd'), 'a send')
  t.equal(shownBy('a se', null, 'c', null, 'ret-value.'), `a sec${mask}.`)
  t.equal(shownBy('a se', null, 'c', null, 'r', null, 'et', null, '-value.'), `a sec${mask}.`)
  t.equal(shownBy('100%', null, '73%6', null, '5cret-value'), `100%73%6${mask}`)
  t.equal(shownBy('%73%65%63', null, '%72', null, 'et-value'), `%73%65%63${mask}`, 'of a value, three bytes')
  t.equal(shownBy('secret-', null, 'se', null, 'nd'), `${mask}send`, 'what is no value after all is not lost')
  const overlapping = redactionOf(['abcdef', 'fghijk']).createRedactor()
  t.equal(overlapping.push(Buffer.from('<abcdefg')).toString(), '<')
  t.equal(
    overlapping.release().toString(),
    mask,
    'what is complete, though another may begin in it, is not shown'
  )
  t.equal(shownBy('secret-', null), mask)
  t.equal(shownBy('secret-', null, 'value', null, '.'), `${mask}.`)
  t.equal(shownBy('secret-', null, 'agent'), `${mask}agent`)
  t.equal(shownBy('secret-', null, 'secret-value'), mask + mask)
  t.equal(shownBy('secret-valu', null, null, 'e', null, 'secret-value'), mask + mask)
  const typed = [...'secret-value'].flatMap((letter) => [letter, null])
  t.equal(shownBy(...typed), `sec${mask}`, 'however slowly it is written')
})

t.test(
  'a stream shows a pause what it holds, ends with the rest, and keeps up with its reader',
  async (t) => {
    const redaction = redactionOf(['secret-value'])
    const paused = redactionStream(redaction, { idleMs: 1 })
    paused.write('> s')
    const shown: string[] = []
    paused.on('data', (chunk: Buffer) => shown.push(chunk.toString()))
    while (shown.join('') !== '> s') await once(paused, 'data')
    paused.end('ecret-value and sec')
    await once(paused, 'end')
    t.equal(shown.join(''), `> s${mask} and sec`)
    const stream = redactionStream(redaction)
    const line = 'x'.repeat(1_000)
    const writing = (async () => {
      for (let count = 0; count < 300; count++)
        if (!stream.write(`${line}secret-value\n`)) await once(stream, 'drain')
      stream.end()
    })()
    const output = await textOf(stream)
    await writing
    t.equal(output, `${line}${mask}\n`.repeat(300))
    const destroyed = redactionStream(redaction, { idleMs: 1 })
    destroyed.write('s')
    destroyed.destroy()
    await once(destroyed, 'close')
    t.ok(destroyed.destroyed)
  }
)
