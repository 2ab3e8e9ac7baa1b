// Serves built front ends on an origin of its own, as a content delivery network would.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { serveHttp } from '#test/fixtures/http-server.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** `folderOf` is asked at each request, since an origin is needed before what it serves is built. */
export function serveFiles(folderOf: () => string): ReturnType<typeof serveHttp> {
  return serveHttp(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const file = path.join(folderOf(), pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    const content = await readFile(file).catch(() => undefined) // a missing file is not found
    if (content === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'image/png' }).end(content)
  })
}
