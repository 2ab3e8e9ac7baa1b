// Serves the pictures of the sample catalogue.
import { openPictures } from '#bff-web/images/pictures.ts'
import type { HttpServer } from '#platform/http/server.ts'

/** A picture runs nothing and loads nothing, also when a browser opens it by itself. Pages of all origins may show it. */
const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'cross-origin',
} as const
const FOREVER = 'public, max-age=31536000, immutable'

/**
 * Mounts GET `/images/NAME`. With its version as `v` a picture may be kept for ever; otherwise a cache asks each time, and
 * gets 304 while the picture is the same. Call before `http.listen`.
 */
export function mountImages(http: HttpServer): void {
  const pictures = openPictures()
  type Route = { Params: { name: string }; Querystring: { v?: unknown } }
  http.app.get<Route>('/images/:name', { config: { crossOrigin: true } }, async (request, reply) => {
    const picture = await pictures.read(request.params.name)
    if (!picture) return reply.callNotFound()
    const etag = `"${picture.version}"`
    reply.headers({
      ...HEADERS,
      etag,
      'cache-control': request.query.v === picture.version ? FOREVER : 'no-cache',
    })
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
    return reply.type('image/svg+xml').send(picture.bytes)
  })
}

/** RFC 9110, 13.1.2: compares weakly, with any tag of the list. */
function isKnown(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}
