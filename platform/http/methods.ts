// Methods that a path does not have: 405 with Allow, and OPTIONS with what there is. Free of what the routes do.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RequestError, type SendError, sendError } from '#platform/http/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type KnownPath = {
  readonly pattern: RegExp
  readonly methods: Set<string>
  readonly sendError: SendError
}

/** GET and HEAD, which ask the same and change nothing (RFC 9110, 9.3.2). */
export function isRead({ method }: Pick<FastifyRequest, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * Where a path has routes, but none for the method of a request: OPTIONS is answered with 204 and `Allow`, another method
 * with 405 and `Allow` (RFC 9110, 9.3.7 and 15.5.6), in the form of errors of the path's first route. The body is not
 * read. Call before routes are added.
 */
export function answerOtherMethods(app: FastifyInstance, logger: Logger): void {
  const paths = new Map<string, KnownPath>()
  app.addHook('onRoute', ({ url, method, config }) => {
    if (url === '*') return
    const known = paths.get(url) ?? {
      pattern: patternOf(url),
      methods: new Set(),
      sendError: config?.sendError ?? sendError,
    }
    paths.set(url, known)
    for (const one of [method].flat()) known.methods.add(one)
  })
  // After onRequest, which is where cross-origin preflights are answered.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    const path = isWithoutRoute(request) ? pathOf(request, paths) : undefined
    if (path === undefined || path.methods.has(request.method)) return done()
    const allowed = [...path.methods]
    reply.header('allow', allowed.join(', '))
    if (request.method === 'OPTIONS') return void reply.code(204).send()
    const problem = `${request.method} is not for this path; ${allowed.join(', ')} would do`
    path.sendError(new RequestError(405, problem), { request, reply, logger })
  })
}

/** A route of all paths takes what no other does. */
function isWithoutRoute({ is404, routeOptions }: FastifyRequest): boolean {
  return is404 || routeOptions.url === '*'
}

function pathOf(request: FastifyRequest, paths: ReadonlyMap<string, KnownPath>): KnownPath | undefined {
  const path = request.url.split('?', 1)[0] ?? ''
  const exact = paths.get(path)
  if (exact !== undefined) return exact
  for (const known of paths.values()) if (known.pattern.test(path)) return known
  return undefined
}

function patternOf(url: string): RegExp {
  const text = url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]+')
  return new RegExp(`^${text}$`)
}
