/** Ports for what a guide starts, which may bind them late, and again after a restart. */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { GuideError } from './guide-error.mjs'

const host = '127.0.0.1'
/** Above those that `fetch` refuses (the last is 10080), below those that systems hand out (Linux from 32768). */
const [lowest, highest] = [11_000, 32_767]
/** The bit in which a port and its mark differ: marks lie among ports that no program is told here. */
const markBit = 0x8000
const attemptsMax = 100

/**
 * TCP ports of this machine that are free now, and that no other try is given while this process lives
 * (libs/testing/src/free-port.ts says the same to tests; nothing is built yet where this runs).
 *
 * @param {number} count
 * @returns {Promise<string[]>}
 */
export async function reservePorts(count) {
  const ports = []
  for (let attempt = 1; ports.length < count; attempt++) {
    if (attempt > attemptsMax) throw new GuideError('found no free ports')
    const port = randomInt(lowest, highest + 1)
    if ((await isReserved(port)) && (await isFree(port))) ports.push(String(port))
  }
  return ports
}

/**
 * A UDP port is the mark: the system gives it to one process, and takes it back at its end. Not that of the same number:
 * a server of HTTP/3 binds both.
 */
async function isReserved(port) {
  const mark = createSocket('udp4').unref()
  mark.bind({ port: port ^ markBit, address: host, exclusive: true })
  return await once(mark, 'listening').then(
    () => true,
    () => {
      mark.close()
      return false
    }
  )
}

async function isFree(port) {
  const server = createServer()
  server.listen({ port, host, exclusive: true })
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
