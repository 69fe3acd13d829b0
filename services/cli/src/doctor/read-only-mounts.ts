import { readFile } from 'node:fs/promises'

/** A place where something is mounted, and whether it can be written there. */
interface Mount {
  readonly path: string
  readonly isReadOnly: boolean
}

/**
 * Lists what is mounted, as Linux tells it (proc(5), `/proc/[pid]/mountinfo`); nothing elsewhere. Asking for write
 * access does not tell: a user that the mode keeps out learns of the mode first.
 */
export async function findReadOnlyMounts(): Promise<readonly Mount[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  return parseMounts(text)
}

/** Reads mountinfo: the fifth field is the place, with octal escapes, the sixth its options. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ')
    const [place, options] = [fields[4], fields[5]]
    if (place === undefined || options === undefined) return []
    const path = place.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8))
    )
    return [{ path, isReadOnly: options.split(',').includes('ro') }]
  })
}

/** Says whether what is mounted where a path lies can only be read. Of two mounts at one place the later one counts. */
export function liesOn(mounts: readonly Mount[], path: string): boolean {
  const around = mounts.filter(
    (mount) => mount.path === path || path.startsWith(mount.path.replace(/\/?$/, '/'))
  )
  const nearest = around.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
    undefined
  )
  return nearest?.isReadOnly ?? false
}
