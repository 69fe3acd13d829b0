import { run } from '@paperclip/server'
import { startGateway } from './service.js'

/** Set by the launcher: the end of this pipe is the end of the launcher, and of us. */
const parentFd = process.env.PAPERCLIP_PARENT_FD

await run(
  async () => {
    const gateway = await startGateway(process.env)
    process.on('SIGHUP', () => gateway.reloadKey())
    return gateway
  },
  { parentFd: parentFd === undefined || parentFd === '' ? null : Number(parentFd), stderr: process.stderr }
)
