import { createLeakWatch } from './leak-watch.js'

/** What every service and request of this process is watched by. */
export const watch = createLeakWatch()

/**
 * Has this file fail when something leaked; to be called when a service has ended. It does not throw: that would keep
 * other teardowns from running, and databases from being dropped.
 */
export function failOnLeaks(): void {
  const leaks = watch.takeLeaks()
  if (leaks.length === 0) return
  process.stderr.write(`Leaked:\n${leaks.map((leak) => `  ${leak}\n`).join('')}`)
  process.once('exit', () => {
    process.exitCode = 1
  })
}
