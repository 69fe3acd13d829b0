/**
 * Runs the emulator as a process: `node services/secrets/dist/test/emulator/run-emulator.js [port]`. Prints what a
 * secrets service needs to use it, as assignments of its environment.
 */
import { startEmulator, testCredential } from './emulator.js'

const emulator = await startEmulator({ port: Number(process.argv[2] ?? 0) })
const lines = [
  `PAPERCLIP_SECRETS_AWS_REGION=${emulator.region}`,
  `PAPERCLIP_SECRETS_AWS_ENDPOINT=${emulator.origin}`,
  `AWS_ACCESS_KEY_ID=${testCredential.accessKeyId}`,
  `AWS_SECRET_ACCESS_KEY=${testCredential.secretAccessKey}`,
  `AWS_SESSION_TOKEN=${testCredential.sessionToken}`
]
process.stdout.write(`${lines.join('\n')}\n`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void emulator.close())
