import { unknownVariables } from '@paperclip/contracts'
import type { Logger } from 'pino'

type Environment = Readonly<Record<string, string | undefined>>

/** Documented, read by nothing yet, and harmless to go without. */
const unreadNames = ['PAPERCLIP_METRICS_PORT', 'OTEL_EXPORTER_OTLP_ENDPOINT']

/** Writes a line for each variable that nothing knows, and one for all that this version does not read yet. */
export function warnOfVariables(logger: Pick<Logger, 'warn'>, env: Environment): void {
  for (const { name, nearest } of unknownVariables(env))
    logger.warn({ name, nearest }, 'nothing reads this variable')
  const names = namesSet(env, unreadNames)
  if (names.length > 0) logger.warn({ names }, 'this version does not read these variables')
}

/** Blank counts as unset. */
function namesSet(env: Environment, names: readonly string[]): string[] {
  return names.filter((name) => (env[name] ?? '').trim() !== '')
}
