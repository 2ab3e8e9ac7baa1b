// Decides which pages of other origins may read responses (CORS) and open WebSockets.
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { CONSISTENCY_HEADER, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import type { FindPath } from '#platform/http/paths.ts'

/** Origins such as `https://shop.example`; `localhost` for this machine on any port; `*` for everybody. */
export type Origins = readonly string[]

/** The setting as an operator writes it; undefined when left out, for `originsOf` to decide. */
export const corsOrigins = z
  .string()
  .transform(text => text.split(',').map(entry => entry.trim()))
  .refine(entries => entries.every(isSetting))
  .describe('origins with commas between, such as https://shop.example; or localhost, none or *')
  .optional()

/** Without a setting, development allows pages of this machine, and production none. */
export function originsOf(
  setting: Origins | undefined,
  { development }: { readonly development: boolean },
): Origins {
  return setting?.filter(entry => entry !== 'none') ?? (development ? [LOCALHOST] : [])
}

const LOCALHOST = 'localhost'
const ANY_ORIGIN = '*'
const THIS_MACHINE = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/
/** The response headers that a page may read, beside those that every page may read. */
const EXPOSED = [
  CONSISTENCY_HEADER,
  STALE_HEADER,
  'x-request-id',
  'retry-after',
  'etag',
  'location',
  'allow',
].join(', ')
/** Seconds that a browser may cache a preflight: Chromium's maximum. */
const PREFLIGHT_SECONDS = '7200'

/**
 * Lets pages of `origins` read the responses of paths that are `crossOrigin`. A page that is named may send credentials;
 * with `*`, none may. Pages of other origins get no CORS headers, and other paths send none. (Fetch standard, 3.2)
 */
export function allowOrigins(app: FastifyInstance, origins: Origins, findPath: FindPath): void {
  if (origins.length === 0) return
  // Most requests have no Origin. A package would make its options anew for each of them.
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('vary', 'origin')
    const { origin, 'access-control-request-method': preflighted } = request.headers
    const path = origin !== undefined && isAllowed(origin, origins) ? findPath(request) : undefined
    if (!path?.crossOrigin || origin === undefined) return done()
    void reply.headers({
      'access-control-expose-headers': EXPOSED,
      'access-control-allow-origin': origins.includes(ANY_ORIGIN) ? ANY_ORIGIN : origin,
      ...(!origins.includes(ANY_ORIGIN) && { 'access-control-allow-credentials': 'true' }),
    })
    if (request.method !== 'OPTIONS' || preflighted === undefined) return done()
    void reply.code(204).headers(preflightHeaders(request, path.methods)).send()
  })
}

function preflightHeaders({ headers }: FastifyRequest, methods: ReadonlySet<string>): Record<string, string> {
  const asked = headers['access-control-request-headers']
  return {
    vary: 'origin, access-control-request-headers',
    'access-control-allow-methods': [...methods].join(', '),
    'access-control-max-age': PREFLIGHT_SECONDS,
    ...(asked !== undefined && { 'access-control-allow-headers': asked }),
  }
}

/**
 * Returns whether a request may open a WebSocket: it has no Origin, or one of this server or of `origins`. Browsers open
 * sockets without a preflight, so the server has to check.
 */
export function mayOpenSocket({ headers: { origin, host } }: IncomingMessage, origins: Origins): boolean {
  if (origin === undefined || isAllowed(origin, origins)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

function isAllowed(origin: string, origins: Origins): boolean {
  if (origins.includes(ANY_ORIGIN) || origins.includes(origin)) return true
  return origins.includes(LOCALHOST) && THIS_MACHINE.test(origin)
}

function isSetting(entry: string): boolean {
  if ([LOCALHOST, ANY_ORIGIN, 'none'].includes(entry)) return true
  return /^https?:[^*]+$/.test(entry) && URL.canParse(entry) && new URL(entry).origin === entry
}
