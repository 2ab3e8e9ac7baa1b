// Answers methods that a path does not support: 405 with Allow, and OPTIONS with the supported ones.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RequestError } from '#platform/http/errors.ts'
import type { FindPath } from '#platform/http/paths.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** Returns whether the method is GET or HEAD, which change nothing (RFC 9110, 9.3.2). */
export function isRead({ method }: Pick<FastifyRequest, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * Handles methods that a path has no route for: OPTIONS gets 204 and `Allow`, another method 405 and `Allow` (RFC 9110,
 * 9.3.7 and 15.5.6), in the path's form of errors. The body is not read.
 */
export function answerOtherMethods(app: FastifyInstance, findPath: FindPath, logger: Logger): void {
  // Runs after onRequest, where preflights of other origins are answered.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    const path = isWithoutRoute(request) ? findPath(request) : undefined
    if (path === undefined || path.methods.has(request.method)) return void done()
    const allowed = [...path.methods].join(', ')
    reply.header('allow', allowed)
    if (request.method === 'OPTIONS') return void reply.code(204).send()
    const problem = new RequestError(405, `${request.method} is not for this path; ${allowed} would do`)
    path.sendError(problem, { request, reply, logger })
  })
}

/** Requests without a route may reach the catch-all route. */
function isWithoutRoute({ is404, routeOptions }: FastifyRequest): boolean {
  return is404 || routeOptions.url === '*'
}
