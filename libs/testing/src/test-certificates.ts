import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Teardown } from './teardown.js'

/** The files of one side of mutual TLS, as the services' variables name them. */
export interface TestCertificate {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

/** What a certificate says; by default one that both a client and a server on loopback may show. */
export interface CertificateFacts {
  /** As in `subjectAltName`: `DNS:localhost`, `IP:127.0.0.1`. */
  readonly names?: readonly string[]
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[]
  /** Below zero: it has expired. */
  readonly days?: number
}

/** A certificate authority that exists for one test. */
export interface TestAuthority {
  readonly caFile: string
  issue(facts?: CertificateFacts): Promise<TestCertificate>
}

const run = promisify(execFile)
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const loopbackNames = ['DNS:localhost', 'IP:127.0.0.1', 'IP:::1']

/** Makes an authority with `openssl`, since node issues no certificates. Its files are removed with the test. */
export async function testAuthority(t: Teardown): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-ca-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const pathOf = (name: string) => join(folder, name)
  const caFile = pathOf('ca.crt')
  let issued = 0

  const makeKey = (name: string, [kind = '', ...more]: string[], extensions: readonly string[]) => {
    const added = extensions.flatMap((extension) => ['-addext', extension])
    const files = ['-keyout', pathOf(`${name}.key`), '-subj', `/CN=${name}`]
    return run('openssl', ['req', kind, ...newKey, ...files, ...more, ...added])
  }
  const ofCa = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']
  await makeKey('ca', ['-x509', '-out', caFile, '-days', '2'], ofCa)

  return {
    caFile,
    async issue({ names = loopbackNames, usages = ['serverAuth', 'clientAuth'], days = 1 } = {}) {
      const name = `issued-${++issued}`
      const extensions = [
        'basicConstraints=critical,CA:FALSE',
        `subjectAltName=${names.join(',')}`,
        `extendedKeyUsage=${usages.join(',')}`
      ]
      const [request, certFile] = [pathOf(`${name}.csr`), pathOf(`${name}.crt`)]
      await makeKey(name, ['-new', '-out', request], extensions)
      const issuer = ['-CA', caFile, '-CAkey', pathOf('ca.key'), '-copy_extensions', 'copyall']
      // `req` issues by itself, but nothing that has expired.
      await run('openssl', [
        'x509',
        '-req',
        '-in',
        request,
        '-out',
        certFile,
        ...issuer,
        '-days',
        String(days)
      ])
      return { certFile, keyFile: pathOf(`${name}.key`), caFile }
    }
  }
}
