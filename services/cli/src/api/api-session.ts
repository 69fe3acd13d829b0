import { readFile } from 'node:fs/promises'
import { createGatewayClient, type GatewayClient } from '@paperclip/client'
import type { Command } from 'commander'
import { CliError, MisuseError } from '../cli-error.js'
import { type CliIo, envText } from '../cli-io.js'
import { cliVersion } from '../version.js'
import { findApiAddress } from './api-address.js'
import { findSignIn } from './sign-ins.js'

/** Flags of every command that calls the API. */
export interface ApiFlags {
  readonly json?: true
  readonly apiUrl?: string
}

/** Adds the flags of {@link ApiFlags}. */
export function withApiFlags(command: Command): Command {
  return command
    .option('--json', 'print JSON on stdout')
    .option(
      '--api-url <url>',
      'address of the gateway (default: PAPERCLIP_API_URL, else this machine’s instance)'
    )
}

/** Runs `work` with a client of the gateway and closes it. */
export async function withApi(
  io: CliIo,
  flags: ApiFlags,
  work: (client: GatewayClient) => Promise<void>
): Promise<void> {
  const address = await findApiAddress(io, flags.apiUrl)
  const client = openClient(address, (await findToken(io)) ?? (await findSignIn(io, address))?.token ?? null)
  try {
    await work(client)
  } finally {
    await client.close()
  }
}

/** Opens a client; what the address or the token lacks is misuse, told without repeating either. */
export function openClient(
  origin: string,
  token: string | null,
  limits: { deadlineMs?: number } = {}
): GatewayClient {
  try {
    return createGatewayClient({ origin, token, userAgent: `paperclipai/${cliVersion}`, ...limits })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const about = error.message.startsWith('The token')
      ? 'PAPERCLIP_API_KEY is not a key: it holds a blank or a character that is not ASCII'
      : '--api-url or PAPERCLIP_API_URL is not an address like http://127.0.0.1:3100'
    throw new MisuseError(about, 'give scheme, host and port only; a key goes into PAPERCLIP_API_KEY')
  }
}

async function findToken(io: CliIo): Promise<string | null> {
  const given = envText(io, 'PAPERCLIP_API_KEY')
  const path = envText(io, 'PAPERCLIP_API_KEY_FILE')
  if (path === undefined) return given ?? null
  if (given !== undefined)
    throw new MisuseError('PAPERCLIP_API_KEY and PAPERCLIP_API_KEY_FILE are both set', 'unset one of them')
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`the file named by PAPERCLIP_API_KEY_FILE cannot be read (${error.code})`, {
      hint: 'check its path and mode, or unset it to go by `paperclipai auth login`'
    })
  })
  const key = text.trim()
  if (oneKey.test(key)) return key
  throw new MisuseError(
    'the file named by PAPERCLIP_API_KEY_FILE does not hold one key and nothing else',
    'it is the token alone, as `paperclipai agent create-key … --json | jq -r .token` prints it'
  )
}

const oneKey = /^[\x21-\x7e]+$/
