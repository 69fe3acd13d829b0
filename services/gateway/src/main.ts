import { run } from '@paperclip/server'
import { startGateway } from './service.js'

/** Set by the launcher: the end of this pipe is the end of the launcher, and of us. */
const parentFd = process.env.PAPERCLIP_PARENT_FD

await run(() => startGateway(process.env), {
  parentFd: parentFd === undefined || parentFd === '' ? null : Number(parentFd),
  stderr: process.stderr
})
