import type { Health } from '@paperclip/contracts'
import { present } from '../launcher/launch-settings.js'
import type { DatabaseFacts } from './database-facts.js'
import { type CheckResult, resultsOf } from './doctor-check.js'
import { type DoctorContext, isGiven, isShared, startStep } from './doctor-context.js'
import { hardeningGap } from './hardening-gap.js'

/** A master key older than this is due: who copied it once has had it for long. */
const masterKeyDaysMax = 365
const masterKeyNames = ['PAPERCLIP_SECRETS_MASTER_KEY', 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS']

/** The master key lies where only the secrets service reads it, and not for ever. */
export function checkMasterKeyCustody(context: DoctorContext, { vaults }: DatabaseFacts): CheckResult {
  const { pass, warn } = resultsOf('master_key')
  const inTheOpen = masterKeyNames.find((name) => present(context.io.env[name]) !== undefined)
  if (inTheOpen !== undefined)
    return hardeningGap(context, {
      id: 'master_key',
      message: `${inTheOpen} holds the key itself: an environment shows in process lists, in \`docker inspect\` and in crash reports`,
      repair: `put it into a file of a secret store, and name that in ${inTheOpen}_FILE`
    })
  if (context.isByEnvironment && !isGiven(context, 'PAPERCLIP_SECRETS_MASTER_KEY'))
    return warn(
      'not looked at: PAPERCLIP_SECRETS_MASTER_KEY_FILE is not given',
      'give doctor the environment of the secrets service'
    )
  const days = vaults?.masterKeyDays ?? null
  if (isShared(context) && days !== null && days > masterKeyDaysMax)
    return warn(`in a file; it wraps for ${days} days`, 'rotate it: deploy/rotation.md')
  return pass(days === null ? 'in a file' : `in a file; it wraps for ${days} days`)
}

/** Each of them may enter every company. */
const adminsEnough = 5

/** Somebody administers the instance, and not half of everybody. */
export function checkAdmins(
  context: DoctorContext,
  { facts, health }: { facts: DatabaseFacts; health: Health | null }
): CheckResult {
  const { pass, warn } = resultsOf('admins')
  if (!isShared(context)) return pass('the operator of this machine')
  const isUnclaimed = health?.bootstrapStatus === 'bootstrap_pending'
  const count = facts.people?.admins ?? (isUnclaimed ? 0 : null)
  if (count === 0)
    return hardeningGap(context, {
      id: 'admins',
      message: 'the instance belongs to nobody yet: whoever has the claim link of the start-up log takes it',
      repair: 'open the claim link of the start-up log, sign up, and claim it'
    })
  if (count === null)
    return health === null
      ? warn('not looked at: neither the database nor the gateway answers', startStep(context))
      : pass('the instance was claimed')
  const text = count === 1 ? '1 instance admin' : `${count} instance admins`
  return count > adminsEnough
    ? warn(`${text}, each of whom may enter every company`, 'see `paperclipai user list`, and `user demote`')
    : pass(text)
}

/** Values at AWS: whose they are is told by their names, and who may read them by a role that changes its keys. */
export function checkAws(context: DoctorContext, { people, vaults }: DatabaseFacts): CheckResult {
  const { pass, warn } = resultsOf('aws')
  const { env } = context.io
  const isSet = (name: string) => present(env[name]) !== undefined
  const isUsed =
    vaults?.hasAwsVault ||
    isSet('PAPERCLIP_SECRETS_AWS_REGION') ||
    present(env.PAPERCLIP_SECRETS_PROVIDER) === 'aws_secrets_manager'
  if (!isUsed) return pass('not used')
  const gaps: [message: string, repair: string][] = []
  if ((people?.companies ?? 0) > 1 && !isSet('PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES'))
    gaps.push([
      `${people?.companies} companies, each of which may link what belongs to another`,
      'set PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES, with {companyId}, for the secrets service'
    ])
  if (vaults !== null && vaults.foreignVaults.length > 0)
    gaps.push([
      `another company's place is that of ${vaults.foreignVaults.join(', ')}`,
      'give each company a vault with a namespace of its own, and rotate its secrets into it'
    ])
  if (isSet('AWS_SECRET_ACCESS_KEY') && !isSet('AWS_SESSION_TOKEN'))
    gaps.push([
      'lasting AWS keys in the environment',
      'give the secrets service a role instead (deploy/aws.md)'
    ])
  if (gaps.length === 0) return pass('places apart, and no lasting keys in the environment')
  return warn(gaps.map(([message]) => message).join('; '), gaps.map(([, repair]) => repair).join('; '))
}
