import { type Route, routes } from '@paperclip/contracts'

/** What of a provider is looked for. */
export type LeakKind = 'value' | 'ARN' | 'remote name' | 'credential' | 'provider text'

/** What may be nowhere at all: in no reply, no log line and no row. */
export const alwaysSecret: readonly LeakKind[] = ['credential', 'provider text']

const everything: readonly LeakKind[] = ['value', 'ARN', 'remote name', ...alwaysSecret]

const places: readonly LeakKind[] = ['ARN', 'remote name']

/** Successful replies that may say where something lies, and why; whatever is not here may not. */
const mayShow: Readonly<Record<string, readonly LeakKind[]>> = {
  // spec/002: a secret's row has its externalRef, for members of the company's board alone.
  createSecret: places,
  getSecret: places,
  listSecrets: places,
  updateSecret: places,
  rotateSecret: places,
  // spec/002 "Provider Vaults": the config as an admin wrote it, with the ARN of a KMS key.
  createVault: places,
  getVault: places,
  listVaults: places,
  updateVault: places,
  disableVault: places,
  setDefaultVault: places,
  // api.md: candidates for vaults, with some of the names that they were made of; never an ARN.
  previewVaultDiscovery: ['remote name'],
  // spec/002 "Remote Import": candidates and results name what is imported.
  previewRemoteImport: places,
  commitRemoteImport: places
}

/** Rows as text, and what may not be in them. The names of tables are SQL. */
export const rowRules: readonly { table: string; row: string; forbidden: readonly LeakKind[] }[] = [
  // spec/002 "Response Redaction Rules": ids, provider, status and counts; our own keys.
  { table: 'activity_log', row: 'to_jsonb(t)', forbidden: everything },
  { table: 'secret_access_events', row: 'to_jsonb(t)', forbidden: everything },
  // The config is the admin's; what a probe found is ours, and says nothing of what AWS said.
  {
    table: 'company_secret_provider_configs',
    row: "to_jsonb(t) - 'config' - 'display_name'",
    forbidden: everything
  },
  // References are kept to be used; values are not (spec/003 "Data Custody").
  ...[
    'company_secrets',
    'company_secret_versions',
    'company_secret_provider_configs',
    'company_secret_bindings',
    'environments',
    'remote_deletions',
    'remote_previews',
    'request_nonces',
    'applied_outbox_items',
    'master_key_holders'
  ].map((table) => ({ table, row: 'to_jsonb(t)', forbidden: ['value', ...alwaysSecret] as const }))
]

/** What a log line may not hold. */
export const forbiddenInLogs = everything

/** What a reply may not hold: a refusal nothing at all, a success what its route is not there to give. */
export function forbiddenInReply(method: string, path: string, status: number): readonly LeakKind[] {
  const route = status < 400 ? findRoute(method, path) : undefined
  if (route === undefined) return everything
  const { operationId, noStore } = route.config
  const allowed = [...(mayShow[operationId] ?? []), ...(noStore ? ['value'] : [])]
  return everything.filter((kind) => !allowed.includes(kind))
}

const shapes = routes
  .filter(({ config }) => config.owner === 'secrets')
  .map((route) => [route, new RegExp(`^/internal${route.path.replaceAll(/:\w+/g, '[^/]+')}(\\?|$)`)] as const)

/** The route of a request; of two that fit, the one without parameters there. */
export function findRoute(method: string, path: string): Route | undefined {
  const fitting = shapes.filter(([route, shape]) => route.method === method && shape.test(path))
  return fitting.map(([route]) => route).sort((a, b) => paramsIn(a) - paramsIn(b))[0]
}

const paramsIn = ({ path }: Route) => path.split(':').length
