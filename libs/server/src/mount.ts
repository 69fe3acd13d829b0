import { providerHandlerMsMax, type Route, type RouteConfig, type RouteSchema } from '@paperclip/contracts'

declare module 'fastify' {
  interface FastifyContextConfig extends Partial<RouteConfig> {}
}

/** How long a handler may take in all; each wait inside has a shorter limit. */
const handlerTimeoutMs = 15_000

/** Turns a contract into route options: `app.route({ ...mount('/api', createSecret), handler })`. */
export function mount<const S extends RouteSchema>(prefix: string, route: Route<S>) {
  return {
    method: route.method,
    url: prefix + route.path,
    schema: route.schema,
    bodyLimit: route.bodyBytesMax,
    config: route.config,
    ...(route.config.selfTimed ? {} : { handlerTimeout: handlerTimeoutOf(route) })
  }
}

function handlerTimeoutOf({ config }: Route): number {
  return config.callsProvider ? providerHandlerMsMax : handlerTimeoutMs
}
