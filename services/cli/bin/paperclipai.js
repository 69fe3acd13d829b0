#!/usr/bin/env node
// Committed, so that npm links it at install time, before anything is built; so it is read by versions of Node, too,
// that are too old for what is built.
import { existsSync } from 'node:fs'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const main = new URL('../dist/bin/main.js', import.meta.url)
if (major < 20 || (major === 20 && minor < 19))
  fail(
    `Node 20.19 or newer is needed, and this is ${process.version}`,
    'install one, then run `npm ci` again'
  )
else if (existsSync(main)) await import(main.href)
else fail('not built yet', 'run `npm run build` in the repository first')

/** @param {string} message @param {string} next */
function fail(message, next) {
  process.stderr.write(`paperclipai: ${message}\npaperclipai: hint: ${next}\n`)
  process.exitCode = 1
}
