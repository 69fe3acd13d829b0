import { type CliIo, envText } from '../cli-io.js'

/**
 * Gives an address of the gateway as a browser can open it. The gateway names itself as this command reached it, unless
 * it was told its public URL; in a container that is a name which nobody outside has, so what PAPERCLIP_PUBLIC_URL says
 * here goes first.
 */
export function browserAddress(io: CliIo, address: string): string {
  const publicUrl = envText(io, 'PAPERCLIP_PUBLIC_URL')
  if (publicUrl === undefined || !URL.canParse(publicUrl) || !URL.canParse(address)) return address
  const { pathname, search } = new URL(address)
  return new URL(pathname + search, publicUrl).href
}
