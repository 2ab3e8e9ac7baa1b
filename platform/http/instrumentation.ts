// Watches requests go by: durations, spans, a log line for the slow and the failed. Changes nothing about them.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Observe } from '#platform/telemetry/durations.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { durationHistogram } from '#platform/telemetry/metrics.ts'
import { isTracing, type OpenSpan, openSpan } from '#platform/telemetry/tracing.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its answers last as long as their clients like: they are neither timed nor slow, nor in a span. */
    readonly lasting?: boolean
  }
}

const SLOW_MS = 1000

const lasting = new WeakSet<FastifyRequest>()
const spans = new WeakMap<FastifyRequest, OpenSpan>()

/** This answer lasts as long as its client likes, unlike others of its route: from here on it is not timed. */
export function leaveUntimed(request: FastifyRequest): void {
  lasting.add(request)
  endSpan(spans.get(request), 200)
}

/** Durations are counted by route pattern, never by what a client made up. */
export function observeRequests(
  app: FastifyInstance,
  { name, logger }: { readonly name: string; readonly logger: Logger },
): void {
  const observe = observer(name)
  // After the body is read: a body's stream events would lose the span's context.
  app.addHook('preHandler', (request, reply, done) => {
    if (!isTracing() || request.routeOptions.config.lasting) return done()
    const span = openRequestSpan(name, request, reply)
    if (span === undefined) return done()
    spans.set(request, span)
    span.run(done)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { config, url: route = 'none' } = request.routeOptions // made anew each time it is asked for
    if ((config.lasting || lasting.has(request)) && reply.statusCode < 400) return done()
    const elapsed = reply.elapsedTime
    observe(request.method, route, reply.statusCode, elapsed / 1000)
    logRequest(logger, { request, reply, route, elapsed })
    endSpan(spans.get(request), reply.statusCode)
    done()
  })
}

/** Methods, routes and statuses are a server's own, and few. */
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
  const failed = reply.statusCode >= 500 && !route.startsWith('/health')
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
