import { createServer } from 'node:net'
import { LaunchError } from './launch-error.js'
import type { ListenAddress } from './launch-settings.js'

/** Refuses to go on when a service could not listen. `variable` is what the operator would change. */
export async function requireFreePort(
  { host, port }: ListenAddress,
  { variable, service }: { variable: string; service: string }
): Promise<void> {
  const code = await tryListen(host, port)
  if (code === undefined) return
  if (code === 'EADDRINUSE') {
    throw new LaunchError(
      `Port ${port}, which the ${service} needs, is in use: stop what listens there or set ${variable} to another port.`
    )
  }
  throw new LaunchError(
    `The ${service} may not listen on port ${port} of ${host} (${code}): set ${variable} to another port.`
  )
}

async function tryListen(host: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)))
  })
}
