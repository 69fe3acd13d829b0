import { newId } from '@paperclip/contracts'
import fc from 'fast-check'
import t from 'tap'
import { managedRootOf, remoteNameOf, tagsOf } from '../src/provider/aws/aws-naming.js'
import { findRegion } from '../src/provider/aws/aws-partition.js'
import { isArnOfName } from '../src/provider/aws/aws-reference-name.js'
import type { AwsPlace } from '../src/provider/aws/aws-settings.js'
import { regionOf } from './support/aws-client.js'

const region = regionOf('us-east-1')
const standard: AwsPlace = {
  region,
  prefix: 'paperclip',
  namespace: 'prod-us-1',
  kmsKeyId: null,
  ownerTag: 'paperclip',
  environmentTag: 'production',
  deploymentId: 'prod-us-1'
}
const companyId = '0190b5a0-0000-7000-8000-00000000000a'
const tagRecord = (place: AwsPlace, secret: { companyId: string; key: string }) =>
  Object.fromEntries(tagsOf(place, secret).map(({ key, value }) => [key, value]))

t.test('a managed secret is named by prefix, namespace, company and key', async (t) => {
  const table: [Partial<AwsPlace>, string, string][] = [
    [{}, 'stripe_api-key', `paperclip/prod-us-1/${companyId}/stripe_api-key`],
    [{ prefix: 'acme' }, 'k', `acme/prod-us-1/${companyId}/k`],
    [{ prefix: 'a/b', namespace: 'c/d' }, 'K.1', `a/b/c/d/${companyId}/K.1`]
  ]
  for (const [change, key, name] of table)
    t.equal(remoteNameOf({ ...standard, ...change }, { companyId, key }), name)
  t.throws(() => remoteNameOf({ ...standard, namespace: null }, { companyId, key: 'k' }), {
    code: 'provider_not_configured',
    message: /PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID.*"namespace"/
  })
})

t.test('a managed secret carries the six tags, each with a value', async (t) => {
  t.strictSame(tagRecord(standard, { companyId, key: 'k' }), {
    'paperclip:managed-by': 'paperclip',
    'paperclip:provider-owner': 'paperclip',
    'paperclip:deployment-id': 'prod-us-1',
    'paperclip:company-id': companyId,
    'paperclip:secret-key': 'k',
    'paperclip:environment': 'production'
  })
  const silent = { ...standard, deploymentId: null, environmentTag: null }
  t.match(tagRecord(silent, { companyId, key: 'k' }), {
    'paperclip:deployment-id': 'unspecified',
    'paperclip:environment': 'unspecified'
  })
})

const part = fc.stringMatching(/^[A-Za-z0-9_+=.@-]{1,40}$/)
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const key = fc.stringMatching(/^[A-Za-z0-9_.-]{1,120}$/)

t.test('whatever vault, company and key there are, no two secrets get one name', async (t) => {
  fc.assert(
    fc.property(path, path, key, key, (prefix, namespace, one, other) => {
      const place = { ...standard, prefix, namespace }
      const names = [
        remoteNameOf(place, { companyId, key: one }),
        remoteNameOf(place, { companyId, key: other }),
        remoteNameOf(place, { companyId: newId(), key: one })
      ]
      const distinct = one === other ? 2 : 3
      return (
        new Set(names).size === distinct &&
        names.every(
          (name) => name.startsWith(managedRootOf(place)) && /^[A-Za-z0-9/_+=.@!-]{1,512}$/.test(name)
        )
      )
    })
  )
  t.pass('for all of them')
})

t.test('odd ids are cleaned to what AWS takes, stay one part of the name, and stay apart', async (t) => {
  const rest = (text: string) => remoteNameOf(standard, { companyId, key: text }).split('/').slice(3)
  t.match(rest('a b'), [/^a-b-[0-9a-f]{12}$/])
  t.match(rest(''), [/^-[0-9a-f]{12}$/])
  t.not(rest('a b')[0], rest('a:b')[0])
  t.not(rest('a/b')[0], rest('a b')[0])
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (odd) => {
      const name = remoteNameOf(standard, { companyId: odd, key: odd })
      const tags = tagsOf(standard, { companyId: odd, key: odd })
      return (
        name.split('/').length === 4 &&
        /^[A-Za-z0-9/_+=.@!-]{1,512}$/.test(name) &&
        tags.length === 6 &&
        tags.every(
          ({ value }) =>
            value.length <= 256 && value.isWellFormed() && /^[\p{L}\p{Z}\p{N}_.:/=+@-]+$/u.test(value)
        )
      )
    })
  )
})

t.test('an ARN is that of a name with exactly six characters behind it (behaviour 74)', async (t) => {
  const name = remoteNameOf(standard, { companyId, key: 'db-secret' })
  const arn = `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}`
  const is = (text: string) => isArnOfName(text, { name, region })
  t.ok(is(`${arn}-AbCd12`))
  for (const text of [
    arn,
    `${arn}-AbCd1`,
    `${arn}-AbCd123`,
    `${arn}-AbC_12`,
    `${arn}AbCd123`,
    `${arn}/x-AbCd12`,
    `${arn.replace('db-secret', 'db')}-secret`,
    `${arn}-AbCd12`.replace('prod-us-1', 'prod-us-2'),
    `${arn}-AbCd12`.replace('us-east-1', 'us-east-2'),
    `${arn}-AbCd12`.replace('arn:aws:', 'arn:aws-cn:'),
    `${arn}-AbCd12`.replace('secretsmanager', 'ssm'),
    `${arn}-AbCd12`.toUpperCase(),
    `${arn}-AbCd12 `,
    ` ${arn}-AbCd12`,
    `${arn}-AbCd12\n`,
    name,
    `${name}-AbCd12`
  ])
    t.notOk(is(text), text)
})

t.test('every partition has its own ARNs', async (t) => {
  for (const [place, partition] of [
    ['us-east-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov']
  ] as const) {
    const home = findRegion(place)
    if (home === undefined) throw new Error('that is no region')
    const arn = (other: string) => `arn:${other}:secretsmanager:${place}:123456789012:secret:n-AbCd12`
    for (const other of ['aws', 'aws-cn', 'aws-us-gov'])
      t.equal(isArnOfName(arn(other), { name: 'n', region: home }), other === partition)
  }
})
