// Instruments requests: durations, spans, and a log line for slow and failed ones.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Observe } from '#platform/telemetry/durations.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { durationHistogram } from '#platform/telemetry/metrics.ts'
import { isTracing, type OpenSpan, openSpan } from '#platform/telemetry/tracing.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** When true, its responses last as long as their clients like: they are not timed, logged as slow, or traced. */
    readonly lasting?: boolean
  }
}

const SLOW_MS = 1000

const lasting = new WeakSet<FastifyRequest>()
const counted = new WeakSet<FastifyRequest>()
const spans = new WeakMap<FastifyRequest, OpenSpan>()

/** Excludes a request from timing: its response lasts as long as its client likes, unlike others of its route. */
export function leaveUntimed(request: FastifyRequest): void {
  lasting.add(request)
  endSpan(spans.get(request), 200)
}

/** Leaves a request that is refused for overload out of the log of failures: a line for each would be more work than the refusal. */
export function leaveUnlogged(request: FastifyRequest): void {
  counted.add(request)
}

/** Durations are labelled with the route pattern, never with a path that a client made up. */
export function observeRequests(
  app: FastifyInstance,
  { name, logger }: { readonly name: string; readonly logger: Logger },
): void {
  const observe = observer(name)
  // Runs after the body is read: the body's stream events would lose the span's context.
  app.addHook('preHandler', (request, reply, done) => {
    if (!isTracing() || request.routeOptions.config.lasting) return done()
    const span = openRequestSpan(name, request, reply)
    if (span === undefined) return done()
    spans.set(request, span)
    span.run(done)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { config, url: route = 'none' } = request.routeOptions // created at each access
    if ((config.lasting || lasting.has(request)) && reply.statusCode < 400) return done()
    const elapsed = reply.elapsedTime
    observe(request.method, route, reply.statusCode, elapsed / 1000)
    logRequest(logger, { request, reply, route, elapsed })
    endSpan(spans.get(request), reply.statusCode)
    done()
  })
}

/** The label sets are bounded: methods, routes and statuses are the server's own. */
function observer(service: string): (method: string, route: string, status: number, seconds: number) => void {
  const all = durationHistogram<'service' | 'method' | 'route' | 'status'>(
    'waybill_http_request_duration_seconds',
    'HTTP requests by route and status',
  )
  const known = new Map<string, Observe>()
  return (method, route, status, seconds) => {
    const key = `${method} ${status} ${route}`
    const found = known.get(key) ?? all.of({ service, method, route, status: String(status) })
    known.set(key, found)
    found(seconds)
  }
}

function openRequestSpan(
  service: string,
  request: FastifyRequest,
  reply: FastifyReply,
): OpenSpan | undefined {
  const route = request.routeOptions.url ?? 'none'
  const parent = request.headers.traceparent
  return openSpan(`${request.method} ${route}`, {
    kind: 'server',
    service,
    startTime: Date.now() - reply.elapsedTime,
    attributes: {
      'http.request.method': request.method,
      'http.route': route,
      'waybill.request_id': request.id,
    },
    ...(typeof parent === 'string' && { parent }),
  })
}

function endSpan(span: OpenSpan | undefined, status: number): void {
  if (span === undefined) return
  const attributes = { 'http.response.status_code': status }
  span.end(status >= 500 ? { attributes, error: `HTTP ${status}` } : { attributes })
}

function logRequest(
  logger: Logger,
  seen: { request: FastifyRequest; reply: FastifyReply; route: string; elapsed: number },
): void {
  const { request, reply, route, elapsed } = seen
  const failed = reply.statusCode >= 500 && !counted.has(request) && !route.startsWith('/health')
  if (!failed && elapsed < SLOW_MS && !logger.isLevelEnabled('debug')) return
  const level = failed ? 'warn' : elapsed < SLOW_MS ? 'debug' : 'info'
  logger[level](
    {
      request_id: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(elapsed),
    },
    failed ? 'request failed' : elapsed < SLOW_MS ? 'request' : 'slow request',
  )
}
