/**
 * PostgreSQL for every service: connecting, transactions, error codes, migrations, grants.
 *
 * Knows no table. Trusts the URL it is given and the `.sql` files of the folder it is told to run.
 * Promises that a lost connection never ends the process, that every wait has a limit on both sides
 * of the wire, and that no message it writes contains a password.
 */
export { byteaArray, intArray, textArray, uuidArray } from './array-literal.js'
export { type ClockOptions, ClockSkewError, type ClockWatch, expectSameClock, watchClock } from './clock.js'
export { type ConnectOptions, connect, type Database, type Db, type Tx } from './connect.js'
export {
  describeUrl,
  InvalidDatabaseUrlError,
  type ParsedDatabaseUrl,
  parseDatabaseUrl
} from './database-url.js'
export { GrantError, type Grants, type TableVerb } from './grants.js'
export { type MigrateOptions, type MigrateResult, MigrationError, migrate } from './migrate.js'
export { listMigrations, type MigrationFile } from './migration-folder.js'
export {
  isConnectionFailure,
  isDeadlock,
  isForeignKeyViolation,
  isInsufficientPrivilege,
  isLockTimeout,
  isSerializationFailure,
  isStatementTimeout,
  isUniqueViolation,
  mustDestroyClient
} from './pg-errors.js'
export { type ExpectSchemaOptions, expectSchemaVersion, SchemaVersionError } from './schema-version.js'
export { type TransactionOptions, transaction } from './transaction.js'
