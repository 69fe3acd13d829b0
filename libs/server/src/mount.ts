import type { Route, RouteConfig, RouteSchema } from '@paperclip/contracts'

declare module 'fastify' {
  interface FastifyContextConfig extends Partial<RouteConfig> {}
}

/** Turns a contract into route options: `app.route({ ...mount('/api', createSecret), handler })`. */
export function mount<const S extends RouteSchema>(prefix: string, route: Route<S>) {
  return {
    method: route.method,
    url: prefix + route.path,
    schema: route.schema,
    bodyLimit: route.bodyBytesMax,
    config: route.config
  }
}
