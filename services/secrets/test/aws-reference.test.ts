import { newId, type VaultConfig } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import t from 'tap'
import type { SecretsDatabase } from '../src/database.js'
import { isVersionId, spellingsOf } from '../src/provider/aws/aws-reference-name.js'
import type { AwsSettings } from '../src/provider/aws/aws-settings.js'
import { createReferenceGuard } from '../src/provider/aws/reference-guard.js'
import type { ReferenceProblem } from '../src/provider/reference-rules.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { adminSession, createSecret } from './support/fixtures.js'
import { operator, secretsDatabase } from './support/secrets-app.js'
import { createVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const { app, emulator } = await startSecretsWithAws(t, database)
const sql = await adminSession(t, database)
const { db } = app.deps.database
const provider = 'aws_secrets_manager'
const [companyA, companyB] = [newId(), newId()]

/** Vaults of somebody else, one of them disabled: what lies there is guarded all the same. */
await createVault(app, companyA, {
  provider,
  config: { region: 'eu-west-1', secretNamePrefix: 'Acme/Vaults', namespace: 'team/One' }
})
const gone = await createVault(app, companyA, {
  provider,
  config: { region: 'us-east-1', namespace: 'gone' }
})
await app.send(operator(), 'DELETE', `/secret-provider-configs/${gone.id}`)
await createVault(app, companyA, { provider, config: { region: 'us-east-1', secretNamePrefix: 'own' } })
await createVault(app, companyA, {
  provider: 'gcp_secret_manager',
  config: { namespace: 'gcp', secretNamePrefix: 'g' }
})

const guardWith = (change: Partial<AwsSettings>, at: Db<SecretsDatabase> = db) =>
  createReferenceGuard({ db: at, settings: { ...app.config.aws, ...change } })
const placeIn = (companyId: string, config: VaultConfig | null = null) => ({
  companyId,
  vault: config === null ? null : { id: newId(), config }
})

type Row = [reference: string, verdict: ReferenceProblem | null]
const arn = (
  name: string,
  change: Partial<Record<'partition' | 'service' | 'region' | 'account', string>> = {}
) => {
  const {
    partition = 'aws',
    service = 'secretsmanager',
    region = 'us-east-1',
    account = '123456789012'
  } = change
  return `arn:${partition}:${service}:${region}:${account}:secret:${name}`
}
const [invalid, managed, notAllowed] = [
  'external_ref_invalid',
  'external_ref_managed',
  'external_ref_not_allowed'
] as const
const own = `paperclip/test-1/${companyA}/stripe`

const spellings: Row[] = [
  // What may be linked.
  ['stripe', null],
  ['/paperclip-bench/anthropic_api_key', null],
  ['prod/db+x=1.2@a!b-c', null],
  ['paperclip/test-10/x', null],
  ['paperclip/test-1', null],
  ['paperclip', null],
  ['paperclip/other/x', null],
  ['x/paperclip/test-1/y', null],
  ['Acme/Vaults/team/two/x', null],
  ['g/gcp/x', null],
  ['ends-abcdef', null],
  ['n'.repeat(512), null],
  [arn('stripe'), null],
  [arn('stripe-AbCdEf'), null],
  [arn('prod/db-AbCde'), null],
  [arn('prod/db-AbCdefg'), null],
  [arn('paperclip/test-1-AbCdEf'), null],
  // Managed by the deployment, in each spelling.
  [own, managed],
  [`/${own}`, managed],
  [`///${own}`, managed],
  [own.toUpperCase(), managed],
  [`Paperclip/Test-1/${companyA}/Stripe`, managed],
  [encodeURIComponent(own), managed],
  [encodeURIComponent(encodeURIComponent(own)), managed],
  [own.replaceAll('/', '%2f'), managed],
  [own.replace('p', '%70'), managed],
  [`%2F${own}`, managed],
  [own.replace('/', '//'), managed],
  [own.replaceAll('/', '\\'), managed],
  [` ${own}`, managed],
  [`${own}\n`, managed],
  [`${own}-AbCdEf`, managed],
  ['paperclip/test-1/', managed],
  ['paperclip/test-1/x', managed],
  [`paperclip/test-1/${companyB}/theirs`, managed],
  [arn(own), managed],
  [arn(`${own}-AbCdEf`), managed],
  [arn(`${own}-AbCdE`), managed],
  [arn(`${own}-AbCdEfG`), managed],
  [arn(`/${own}-AbCdEf`), managed],
  [arn(own, { account: '999999999999' }), managed],
  [arn(own).toUpperCase(), managed],
  [arn(own).replace('arn', 'ARN'), managed],
  [encodeURIComponent(arn(own)), managed],
  [`/${arn(own)}`, managed],
  [arn(encodeURIComponent(own)), managed],
  // Managed by a vault of any company, whatever its region or state.
  ['Acme/Vaults/team/One/x', managed],
  ['acme/vaults/team/one/x', managed],
  [arn('ACME/VAULTS/TEAM/ONE/x-AbCdEf'), managed],
  ['paperclip/gone/x', managed],
  ['own/test-1/x', managed],
  // No reference, or one that leads elsewhere.
  [' stripe', invalid],
  ['stripe\n', invalid],
  ['stripe key', invalid],
  ['prod%2Fdb', invalid],
  ['prod:db', invalid],
  ['prod\u0000db', invalid],
  ['prod%00db', invalid],
  [`${own}\u0000`, invalid],
  ['ｐaperclip/test-1/x', invalid],
  ['prod\\db', invalid],
  ['https://example/stripe', invalid],
  ['n'.repeat(513), invalid],
  ['arn:', invalid],
  ['arn:aws:secretsmanager:us-east-1:123456789012:secret:', invalid],
  [arn('stripe', { service: 'ssm' }), invalid],
  [arn('stripe', { partition: 'aws-cn' }), invalid],
  [arn('stripe', { partition: 'aws-us-gov' }), invalid],
  [arn('stripe', { partition: 'aws-iso' }), invalid],
  [arn('stripe', { region: 'eu-west-1' }), invalid],
  [arn('stripe', { region: '' }), invalid],
  [arn('stripe', { region: 'us-east-1.evil' }), invalid],
  [arn('stripe', { account: '12345678901' }), invalid],
  [arn('stripe', { account: '' }), invalid],
  [arn('stripe').replace(':secret:', ':secret/'), invalid],
  [arn('stripe').toUpperCase(), invalid],
  [arn(own, { region: 'eu-west-1' }), invalid],
  [arn(own, { service: 's3' }), invalid],
  [`x${arn('stripe')}`, invalid],
  [arn(arn('stripe')), invalid],
  [arn('n'.repeat(520)), invalid]
]

t.test(
  'no spelling of what is managed here may be linked, by any company (T27, behaviours 74 and 78)',
  async (t) => {
    t.ok(spellings.length > 60)
    const references = spellings.map(([reference]) => reference)
    const verdicts = await guardWith({}).judgeAll(references, placeIn(companyB))
    for (const [index, [reference, expected]] of spellings.entries())
      t.equal(verdicts[index], expected, JSON.stringify(reference))
  }
)

t.test('a reference leads to the partition and region of its vault', async (t) => {
  const table: [string, string, ReferenceProblem | null][] = [
    ['us-east-1', arn('x'), null],
    ['cn-north-1', arn('x', { partition: 'aws-cn', region: 'cn-north-1' }), null],
    ['us-gov-west-1', arn('x', { partition: 'aws-us-gov', region: 'us-gov-west-1' }), null],
    ['cn-north-1', arn('x', { region: 'cn-north-1' }), invalid],
    ['us-gov-west-1', arn('x', { region: 'us-gov-west-1' }), invalid],
    ['eu-west-1', arn('x'), invalid],
    ['eu-west-1', 'x', null]
  ]
  for (const [region, reference, expected] of table)
    t.strictSame(await guardWith({}).judgeAll([reference], placeIn(companyB, { region })), [expected], region)
  await t.rejects(guardWith({ region: null }).judgeAll(['x'], placeIn(companyB)), {
    code: 'provider_not_configured'
  })
})

t.test('no company reaches the references of another, or escapes what it is allowed (T34)', async (t) => {
  const guard = guardWith({ externalPrefixes: ['shared', 'teams/{companyId}', 'x-{companyId}-y/z'] })
  const table: Row[] = [
    ['shared/stripe', null],
    ['shared', null],
    ['/shared/stripe', null],
    [arn('shared/stripe-AbCdEf'), null],
    [arn('shared-AbCdEf'), null],
    [`teams/${companyB}/a/b`, null],
    [`x-${companyB}-y/z/a`, null],
    [`teams/${companyA}/a`, notAllowed],
    [arn(`teams/${companyA}/a-AbCdEf`), notAllowed],
    [`teams/${companyB}`, null],
    [`teams/${companyB}x/a`, notAllowed],
    [`teams/${companyB.toUpperCase()}/a`, notAllowed],
    ['teams/{companyId}/a', invalid],
    ['SHARED/stripe', notAllowed],
    ['shared-other/stripe', notAllowed],
    ['sharedstripe', notAllowed],
    ['shared/../other/stripe', notAllowed],
    ['shared/./stripe', notAllowed],
    ['shared//stripe', notAllowed],
    ['//shared/stripe', notAllowed],
    ['./shared/stripe', notAllowed],
    ['other/shared/stripe', notAllowed],
    ['shared/stripe/', notAllowed],
    ['shared%2Fstripe', invalid],
    ['shared%2F..%2Fother', invalid],
    [arn('other-AbCdEf'), notAllowed],
    [arn('shared-other'), notAllowed],
    ['stripe', notAllowed]
  ]
  const verdicts = await guard.judgeAll(
    table.map(([reference]) => reference),
    placeIn(companyB)
  )
  for (const [index, [reference, expected]] of table.entries())
    t.equal(verdicts[index], expected, JSON.stringify(reference))
  const exact = guardWith({ externalPrefixes: ['app-abcdef'] })
  t.strictSame(
    await exact.judgeAll(['app-abcdef', arn('app-abcdef'), arn('app-abcdef-AbCdEf')], placeIn(companyB)),
    [null, notAllowed, null],
    'an ARN that may be that of `app` is not taken for one of `app-abcdef`'
  )
  t.strictSame(await guardWith({ externalPrefixes: [] }).judgeAll(['shared/x'], placeIn(companyB)), [
    notAllowed
  ])
})

t.test('many references are judged with one statement, and all at once', async (t) => {
  const asked: number[] = []
  const counting = db.withPlugin({
    transformQuery: ({ node }) => {
      asked.push(1)
      return node
    },
    transformResult: async ({ result }) => result
  })
  const references = Array.from({ length: 100 }, (_, index) => `prod/${index}`)
  t.strictSame(await guardWith({}, counting).judgeAll([...references, own], placeIn(companyB)), [
    ...references.map(() => null),
    managed
  ])
  t.equal(asked.length, 1)
  t.strictSame(await guardWith({}, counting).judgeAll([], placeIn(companyB)), [])
})

t.test('a vault that is added takes effect at once, and none of a local kind has any', async (t) => {
  const guard = guardWith({})
  const judge = () => guard.judgeAll(['later/ns/x'], placeIn(companyB))
  t.strictSame(await judge(), [null])
  await createVault(app, companyA, {
    provider,
    config: { region: 'us-east-1', secretNamePrefix: 'later', namespace: 'ns' }
  })
  t.strictSame(await judge(), [managed])
  const bare = guardWith({ deploymentId: null })
  t.strictSame(await bare.judgeAll(['paperclip/test-1/x', 'own/test-1/x', 'later/ns/x'], placeIn(companyB)), [
    null,
    null,
    managed
  ])
})

t.test('a reference is refused at the link, before any call, and no refusal repeats it', async (t) => {
  const link = (body: object) =>
    app.send(operator(), 'POST', `/companies/${companyB}/secrets`, {
      name: newId(),
      provider,
      managedMode: 'external_reference',
      ...body
    })
  const stored = arn('linked-AbCdEf')
  const secret = await createSecret(app, companyB, {
    name: 'Linked',
    provider,
    managedMode: 'external_reference',
    externalRef: stored,
    providerVersionRef: 'AWSPREVIOUS'
  })
  t.match(secret, { externalRef: stored, provider, managedMode: 'external_reference' })
  for (const [externalRef, code] of spellings) {
    // White space at the ends and control characters are refused earlier, with 400.
    if (code === null || externalRef.trim() !== externalRef || /\p{Cc}/u.test(externalRef)) continue
    const answer = await link({ externalRef })
    t.match(answer, { status: 422, body: { code } }, JSON.stringify(externalRef))
    t.notOk(
      answer.text.includes('arn:aws') || answer.text.includes(companyA) || answer.text.includes('stripe')
    )
  }
  const label = { externalRef: 'n', providerVersionRef: 'v'.repeat(257) }
  t.match(await link(label), { status: 422, body: { code: invalid } }, 'no label is that long')
  const rotated = await app.send(operator(), 'POST', `/secrets/${secret.id}/rotate`, { externalRef: own })
  t.match(rotated, { status: 422, body: { code: managed } })
  t.strictSame(emulator.log, [], 'AWS was not asked')
  t.equal((await sql('select from company_secrets where company_id = $1', [companyB])).length, 1)
})

t.test('one remote secret is known by its ARN, that without the suffix, and its name', async (t) => {
  t.strictSame(spellingsOf(arn('a/b-AbCdEf')), [arn('a/b-AbCdEf'), arn('a/b'), 'a/b'])
  t.strictSame(spellingsOf(arn('a/b-AbCde')), [arn('a/b-AbCde'), 'a/b-AbCde'])
  t.strictSame(spellingsOf('a/b'), ['a/b'])
})

t.test('ids of versions are told from labels, whoever made them', async (t) => {
  const ids = ['0198c5a2-0000-7000-8000-000000000001', `terraform-${'20260101'.repeat(3)}00`, 'a'.repeat(32)]
  for (const id of ids) t.equal(isVersionId(id), true, id)
  for (const label of [
    'AWSCURRENT',
    'AWSPREVIOUS',
    'blue',
    'a'.repeat(31),
    'a'.repeat(65),
    'with space'.repeat(4)
  ])
    t.equal(isVersionId(label), false, label)
})
