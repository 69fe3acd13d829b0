import { SecretValue } from '@paperclip/server'

/** Where credentials came from; a role is better than any of the first two. */
export type CredentialSource =
  | 'environment'
  | 'profile'
  | 'process'
  | 'sso'
  | 'web_identity'
  | 'assumed_role'
  | 'container'
  | 'instance'

/** Credentials of AWS, with everything secret about them where it cannot be printed. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: SecretValue
  readonly sessionToken: SecretValue | null
  /** Null for those that do not expire, such as keys in the environment: health warns of them. */
  readonly expiresAtMs: number | null
  readonly source: CredentialSource
}

/** What a chain of sources gives. */
export interface LoadedCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  readonly expiration?: Date | undefined
  readonly $source?: object | undefined
}

/** The credentials of this process. */
export interface AwsCredentialSource {
  /** Those in hand, or new ones; all who ask meanwhile wait for the same. Rejects when there are none in time. */
  get(timeoutMs: number): Promise<AwsCredentials>
  /** Forgets credentials that AWS says are bad, unless newer ones are in hand already. */
  drop(bad: AwsCredentials): void
  /** Where those in hand came from; null before the first. */
  readonly source: CredentialSource | null
  /** Those in hand; null before the first. */
  readonly held: AwsCredentials | null
}

/** Renewed this long before they end, so that none ends on its way. */
const renewBeforeMs = 60_000
/** While those in hand still hold, new ones are waited for no longer than this. */
const patientMs = 1_000
/** A source that says nothing for so long (the chain has sources without a limit) is asked anew by whoever comes next. */
const loadMsMax = 30_000

/** By the marks that the sources leave; the first that is there decides. Metadata of an instance leaves none. */
const marks: readonly (readonly [string, CredentialSource])[] = [
  ['CREDENTIALS_ENV_VARS', 'environment'],
  ['CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN', 'web_identity'],
  ['CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN', 'web_identity'],
  ['CREDENTIALS_STS_ASSUME_ROLE_WEB_ID', 'web_identity'],
  ['CREDENTIALS_STS_ASSUME_ROLE', 'assumed_role'],
  ['CREDENTIALS_PROFILE_SOURCE_PROFILE', 'assumed_role'],
  ['CREDENTIALS_PROFILE_NAMED_PROVIDER', 'assumed_role'],
  ['CREDENTIALS_PROFILE_SSO', 'sso'],
  ['CREDENTIALS_PROFILE_SSO_LEGACY', 'sso'],
  ['CREDENTIALS_SSO', 'sso'],
  ['CREDENTIALS_SSO_LEGACY', 'sso'],
  ['CREDENTIALS_PROFILE_LOGIN', 'sso'],
  ['CREDENTIALS_LOGIN', 'sso'],
  ['CREDENTIALS_PROFILE_PROCESS', 'process'],
  ['CREDENTIALS_PROCESS', 'process'],
  ['CREDENTIALS_PROFILE', 'profile'],
  ['CREDENTIALS_HTTP', 'container']
]

/** Keeps the credentials that `load` gives until a minute before they end. */
export function createCredentialSource(options: {
  readonly load: () => Promise<LoadedCredentials>
  readonly nowMs: () => number
}): AwsCredentialSource {
  const { load, nowMs } = options
  let held: AwsCredentials | null = null
  let loading: { readonly work: Promise<AwsCredentials>; readonly startedMs: number } | null = null

  function renew(): Promise<AwsCredentials> {
    if (loading !== null && nowMs() - loading.startedMs < loadMsMax) return loading.work
    const begun = { work: load().then(toCredentials), startedMs: nowMs() }
    loading = begun
    const end = (loaded: AwsCredentials | null) => {
      // What comes from a source that was given up must not take the place of newer ones.
      if (loading !== begun) return
      loading = null
      held = loaded ?? held
    }
    begun.work.then(end, () => end(null))
    return begun.work
  }

  const holds = (marginMs: number) =>
    held !== null && (held.expiresAtMs === null || nowMs() < held.expiresAtMs - marginMs) ? held : null

  return {
    async get(timeoutMs) {
      const present = holds(renewBeforeMs)
      if (present !== null) return present
      const waitMs = holds(0) === null ? timeoutMs : Math.min(timeoutMs, patientMs)
      return within(waitMs, renew()).catch((error: unknown) => {
        const lasting = holds(0)
        if (lasting === null) throw error
        return lasting
      })
    },
    drop(bad) {
      if (held === bad) held = null
    },
    get source() {
      return held?.source ?? null
    },
    get held() {
      return held
    }
  }
}

function toCredentials(loaded: LoadedCredentials): AwsCredentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration, $source = {} } = loaded
  return {
    accessKeyId,
    secretAccessKey: new SecretValue(secretAccessKey),
    sessionToken: sessionToken === undefined ? null : new SecretValue(sessionToken),
    expiresAtMs: expiration?.getTime() ?? null,
    source: marks.find(([mark]) => Object.hasOwn($source, mark))?.[1] ?? 'instance'
  }
}

/** The source itself goes on: whoever asks next gets what it brings. */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('credentials took too long')), timeoutMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
