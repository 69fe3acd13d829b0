import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const host = '127.0.0.1'
/** Above those that `fetch` refuses (the last is 10080), below those that systems hand out (Linux from 32768). */
const rangeDefault = { from: 11_000, to: 32_767 }
/** The bit in which a port and its mark differ: marks lie among ports that no program is told here. */
const markBit = 0x8000
const attemptsMax = 100

/**
 * Reserves a TCP port of 127.0.0.1 that is free now, for programs that must be told theirs: whatever can bind port 0
 * should. Until this process ends no other caller gets it, in any process, and no connection that goes out takes it, so it
 * can be bound later, again after a restart, or never. `range` is where to look. Throws when nothing is free there.
 */
export async function freePort(range = rangeDefault): Promise<number> {
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const port = randomInt(range.from, range.to + 1)
    if ((await reserve(port)) && (await isFree(port))) return port
  }
  throw new Error(`found no free port from ${range.from} to ${range.to}`)
}

/**
 * By a UDP port, which the system gives to one process and takes back however that ends. Not that of the same number: a
 * server of HTTP/3 binds both.
 */
async function reserve(port: number): Promise<boolean> {
  const mark = createSocket('udp4').unref()
  const bound = once(mark, 'listening')
  mark.bind({ port: port ^ markBit, address: host, exclusive: true })
  return await bound.then(
    () => true,
    () => {
      mark.close()
      return false
    }
  )
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const bound = once(server, 'listening')
  server.listen({ port, host, exclusive: true })
  try {
    await bound
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
