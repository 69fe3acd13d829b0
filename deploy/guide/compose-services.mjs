/** Which services `docker compose up` starts: those without a profile, and those of the profiles asked for. */
import { readFileSync } from 'node:fs'

/**
 * Reads `docker-compose.yml` of this folder as far as needed: anchors and services, by their indentation.
 *
 * @param {Record<string, string | undefined>} env
 */
export function servicesOf({ COMPOSE_PROFILES: profiles = '' }) {
  const asked = profiles.split(',').map((each) => each.trim())
  const text = readFileSync('docker-compose.yml', 'utf8')
  const anchors = new Map(blocks(text, /^x-[\w-]+: &([\w-]+)$/m))
  const [, services = ''] = text.split(/^services:\n/m)
  return blocks(services.split(/^\S/m)[0] ?? '', /^ {2}([\w-]+):$/m)
    .filter(([, block]) => {
      const own = profilesOf(block, anchors)
      return own.length === 0 || own.some((profile) => asked.includes(profile))
    })
    .map(([name]) => name)
}

function profilesOf(block, anchors) {
  const own = /^ +profiles: \[(.*)\]$/m.exec(block)?.[1]
  if (own !== undefined) return own.split(', ')
  const merged = [...block.matchAll(/<<: \*([\w-]+)/g)].map((match) => match[1] ?? '')
  return merged.flatMap((name) => profilesOf(anchors.get(name) ?? '', anchors))
}

function blocks(text, heading) {
  const [, ...parts] = text.split(heading)
  return parts.flatMap((part, at) =>
    at % 2 === 0 ? [[part, (parts[at + 1] ?? '').split(/^\S/m)[0] ?? '']] : []
  )
}
