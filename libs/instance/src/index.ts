/**
 * The files of one instance: where they lie, who may read them, and how they come into being.
 *
 * Trusts the file system and the owner of the home folder. Promises: every file is for its owner alone, a
 * key is never replaced, and of several processes that create one at once a single key survives.
 */
export { type CallerKey, createCallerKey, readCallerKeyId, switchCallerKey } from './caller-key-file.js'
export { changeConfigVariables, findConfigChanges, readConfigVariables } from './config-change.js'
export { createConfig, defaultConfig, type InstanceConfig, readConfig } from './config-file.js'
export { changeEnvFile, completeEnvFile, type EnvEntries, findEnvChanges, readEnvFile } from './env-file.js'
export { InstanceError } from './instance-error.js'
export { changeInternalKeys, readInternalKeys } from './internal-key-list.js'
export {
  createAuditKey,
  createInternalKeys,
  createMasterKey,
  createNextMasterKey,
  findMasterKeyFiles,
  type InternalKey,
  makeKeyId,
  makeSecret
} from './key-files.js'
export { generatedVariables, type Onboarded, onboardInstance, requireMatchingFiles } from './onboard.js'
export { type InstancePaths, instancePaths } from './paths.js'
export { createPrivateFile, isLinkToNothing, replacePrivateFile, tighten } from './private-file.js'
export {
  type Runtime,
  type RuntimeDatabase,
  type RuntimeService,
  readRuntime,
  removeRuntime,
  writeRuntime
} from './runtime-file.js'
