/**
 * What tests need and nothing else may import: databases cloned from a migrated template, real processes,
 * broken networks, held locks.
 *
 * Everything takes the test as its first argument and cleans up in that test's teardown.
 */
export { eventually } from './eventually.js'
export { type FaultProxy, faultProxy, type ProxyMode } from './fault-proxy.js'
export { freePort } from './free-port.js'
export { type HeldLock, heldLock } from './held-lock.js'
export { repositoryRoot } from './repository-root.js'
export { type StartedProcess, type StartProcess, startProcess } from './start-process.js'
export type { Teardown } from './teardown.js'
export {
  type CertificateFacts,
  type TestAuthority,
  type TestCertificate,
  testAuthority
} from './test-certificates.js'
export { adminDatabaseUrl } from './test-cluster.js'
export { type TestDatabase, testDatabase } from './test-database.js'
export type { TestMigration } from './test-template.js'
