/** Limits of the wire, each with its unit. Both services, the client and the CLI read these. */
export const limits = {
  /** Bodies of routes that take a value: 64 KiB of value as JSON may grow sixfold by escaping. */
  valueBodyBytesMax: 512 * 1024,
  environmentBodyBytesMax: 1024 * 1024,
  bodyBytesMax: 128 * 1024,
  /** A hundred rows: 2,680 characters of ASCII each, 660 of any script, and the names of their members: 560 KiB. */
  importBodyBytesMax: 1024 * 1024,
  /** A company as a manifest: a thousand agents with a dozen variables each. */
  manifestBodyBytesMax: 2 * 1024 * 1024,
  /** Of agents, and of projects. */
  manifestTargetsMax: 1_000,
  /** A batch of resolves, or of activity rows, between the two services. */
  internalBodyBytesMax: 1024 * 1024,
  valueBytesMax: 65_536,
  nameCharsMax: 160,
  keyCharsMax: 120,
  descriptionCharsMax: 500,
  shortNameCharsMax: 120,
  /** The longest ARN or name of AWS Secrets Manager. */
  externalRefCharsMax: 2048,
  providerVersionRefCharsMax: 512,
  providerMetadataMembersMax: 20,
  environmentEntriesMax: 256,
  environmentNameCharsMax: 256,
  plainValueBytesMax: 16 * 1024,
  plainValuesBytesMax: 256 * 1024,
  /** Environments that one request of the inline migration looks at, and values after which it stops: 600 KiB of reply. */
  inlineTargetsMax: 200,
  inlineValuesMax: 1_000,
  resolvedEnvironmentBytesMax: 4 * 1024 * 1024,
  /** A sentence of a health check. */
  healthTextCharsMax: 500,
  /** A provider's cursor: AWS allows its own 4,096. */
  providerTokenCharsMax: 4_096,
  remotePageRowsDefault: 50,
  remotePageRowsMax: 100,
  importRowsMax: 100,
  /** The longest name of a secret at AWS is 512; room for a leading slash and other providers. */
  remoteNameCharsMax: 600,
  pageRowsDefault: 100,
  pageRowsMax: 500,
  cursorCharsMax: 512,
  queryCharsMax: 200,
  membershipsMax: 200,
  inviteHoursMax: 720,
  inviteHoursDefault: 72,
  runSecondsMin: 60,
  runSecondsMax: 86_400,
  runSecondsDefault: 3_600,
  leaseSecondsMin: 15,
  leaseSecondsMax: 3_600,
  resolveBatchItemsMax: 64,
  activityBatchItemsMax: 100,
  passwordCharsMin: 10,
  /** Longer ones cost more to read than they are worth. */
  passwordCharsMax: 128,
  signInBodyBytesMax: 16 * 1024,
  sessionsListedMax: 500,
  userAgentCharsMax: 300
} as const
