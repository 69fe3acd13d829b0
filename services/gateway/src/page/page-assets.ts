import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { AppError, type Server } from '@paperclip/server'
import { assetFolders } from '../package-files.js'
import { anyone } from './page-access.js'

interface Asset {
  bytes: Buffer
  type: string
  tag: string
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/** Serves what pages load, by exact name out of what was there at start: no request reaches the file system. */
export async function assetRoutes(app: Server): Promise<void> {
  const assets = new Map((await Promise.all(assetFolders.map(readAssets))).flat())
  app.get<{ Params: { name: string } }>(
    '/assets/:name',
    { config: { auth: anyone, operationId: 'getAsset' } },
    (request, reply) => {
      const asset = assets.get(request.params.name)
      if (asset === undefined) throw new AppError('not_found')
      reply.header('cache-control', 'no-cache').header('etag', asset.tag)
      if (request.headers['if-none-match'] === asset.tag) return reply.code(304).send()
      return reply.type(asset.type).send(asset.bytes)
    }
  )
}

async function readAssets(folder: string): Promise<[string, Asset][]> {
  const names = (await readdir(folder)).filter((name) => types[extname(name)] !== undefined)
  return Promise.all(
    names.map(async (name): Promise<[string, Asset]> => {
      const bytes = await readFile(folder + name)
      const tag = `"${hash('sha256', bytes, 'base64url')}"`
      return [name, { bytes, tag, type: types[extname(name)] ?? '' }]
    })
  )
}
