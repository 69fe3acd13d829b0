export type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
export { type DestinationStream, type Logger, pino } from 'pino'
export { AppError } from './app-error.js'
export { type Batcher, createBatcher } from './batcher.js'
export { createServer, type Server } from './create-server.js'
export { type CursorCodec, type CursorScope, createCursorCodec, nextPageLink } from './cursor.js'
export {
  ConfigError,
  type ParsedEnvironment,
  parseEnvironment,
  readMigrationUrl
} from './environment-config.js'
export { warnOfVariables } from './known-variables.js'
export { mount } from './mount.js'
export { addProbes } from './probes.js'
export { type ErrorClassifier, logFailure, sendProblem } from './problem-handler.js'
export { createLogger } from './request-log.js'
export { type RunningService, run } from './run.js'
export { SecretValue } from './secret-value.js'
