/**
 * Gives the address people know this instance by: the public one when the operator has said it, else the one that
 * the request itself came to, whose name the host rule has judged.
 */
export function publicAddressOf(
  { protocol, host }: { protocol: string; host: string },
  publicUrl: string | null
): string {
  // A trusted proxy may pass on whatever scheme its own caller claimed.
  return publicUrl ?? `${protocol === 'https' ? 'https' : 'http'}://${host}`
}
