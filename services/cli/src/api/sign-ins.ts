import { chmod, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replacePrivateFile, tighten } from '@paperclip/instance'
import { CliError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { findInstance } from '../launcher/launch-settings.js'

/** What `auth login` keeps of a gateway: a board key, and whose it is. */
export interface SignIn {
  readonly token: string
  readonly userId: string
  readonly keyId: string
  readonly signedInAt: string
}

/** By the origin of the gateway. */
type SignIns = Readonly<Record<string, SignIn>>

const fileVersion = 1
const ownerOnly = 0o700

/** Finds the sign-in at a gateway; null when there is none. `address` is its origin. */
export async function findSignIn(io: CliIo, address: string): Promise<SignIn | null> {
  return (await read(io))[originOf(address)] ?? null
}

/** Keeps a sign-in, in place of the former one at that gateway. The file is its owner's alone. */
export async function keepSignIn(io: CliIo, address: string, signIn: SignIn): Promise<void> {
  await write(io, { ...(await read(io)), [originOf(address)]: signIn })
}

/** Forgets the sign-in at a gateway. */
export async function forgetSignIn(io: CliIo, address: string): Promise<void> {
  const { [originOf(address)]: _forgotten, ...rest } = await read(io)
  await write(io, rest)
}

async function read(io: CliIo): Promise<SignIns> {
  const path = fileOf(io)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new CliError(`${path} cannot be read (${error.code})`, {
      hint: 'it must be yours: check its owner, or name another folder in PAPERCLIP_HOME'
    })
  })
  if (text === undefined) return {}
  const gateways = parse(text)
  if (gateways === undefined)
    throw new CliError(`${path} is not a file of sign-ins`, { hint: 'move it away and sign in again' })
  await tighten(path)
  return gateways
}

async function write(io: CliIo, gateways: SignIns): Promise<void> {
  const path = fileOf(io)
  const folder = dirname(path)
  const made = await mkdir(folder, { recursive: true, mode: ownerOnly })
  if (made !== undefined) await chmod(folder, ownerOnly)
  await replacePrivateFile(path, `${JSON.stringify({ version: fileVersion, gateways }, null, 2)}\n`)
}

function fileOf(io: CliIo): string {
  return findInstance(io.env).cliAuth
}

function originOf(address: string): string {
  return URL.canParse(address) ? new URL(address).origin : address
}

/** Undefined when it is not what {@link keepSignIn} writes. */
function parse(text: string): SignIns | undefined {
  try {
    const { version, gateways } = JSON.parse(text)
    const isOurs = version === fileVersion && Object.values(gateways).every(isSignIn)
    return isOurs ? gateways : undefined
  } catch {
    return undefined
  }
}

function isSignIn(value: unknown): value is SignIn {
  const { token, userId, keyId, signedInAt } = (value ?? {}) as Partial<Record<keyof SignIn, unknown>>
  return [token, userId, keyId, signedInAt].every((member) => typeof member === 'string')
}
