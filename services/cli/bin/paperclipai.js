#!/usr/bin/env node
// Committed, so that npm links it at install time, before anything is built.
import { existsSync } from 'node:fs'

const main = new URL('../dist/bin/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  process.stderr.write(
    'paperclipai: not built yet\npaperclipai: hint: run `npm run build` in the repository first\n'
  )
  process.exitCode = 1
}
