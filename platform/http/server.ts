// Creates a service's HTTP server on Fastify: request ids, health, metrics, limits, a shutdown that drains.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import { OperatorError } from '#platform/domain/errors.ts'
import { allowOrigins, mayOpenSocket, type Origins } from '#platform/http/cors.ts'
import { RequestError, sendError } from '#platform/http/errors.ts'
import { addHealthRoutes } from '#platform/http/health.ts'
import { observeRequests } from '#platform/http/instrumentation.ts'
import { type LocalExchanges, serveLocally } from '#platform/http/local/local-servers.ts'
import { refuseCompressedBody } from '#platform/http/media-types.ts'
import { answerOtherMethods } from '#platform/http/methods.ts'
import { recordPaths } from '#platform/http/paths.ts'
import type { HealthCheck, NamedCheck } from '#platform/resilience/health.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import {
  counter,
  deferredCounter,
  METRICS_CONTENT_TYPE,
  metricsText,
  startProcessMetrics,
} from '#platform/telemetry/metrics.ts'

export type HttpServerOptions = {
  /** The service's name in metrics, spans and health responses. */
  readonly name: string
  readonly logger: Logger
  /** Bytes of a request body; 256 KB when left out. */
  readonly bodyLimit?: number
  /** Origins whose pages may read its `crossOrigin` routes and open its sockets; only its own when left out. */
  readonly origins?: Origins
  /** How long requests under way may go on after the server stops; 10 s when left out. */
  readonly drainMs?: number
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Routes, checks and upgrades are added before `listen`. Disposing drains, then closes every socket. */
export type HttpServer = AsyncDisposable & {
  readonly name: string
  readonly logger: Logger
  readonly app: FastifyInstance
  /**
   * `/health/ready` answers 503 while an essential check is not ok; essential when left out. A check that throws or
   * takes 2 s is not ok. Returns a function that removes it. Checks may be added and removed after `listen` too.
   */
  addHealthCheck(name: string, check: HealthCheck, options?: { readonly essential: boolean }): () => void
  /** Handles WebSocket upgrades of one path; other paths are refused with 404, pages of other origins with 403. */
  onUpgrade(path: string, upgrade: Upgrade): void
  /** `work` runs first when the server stops, while it still answers: to close long-lived connections. */
  onShutdown(work: () => Promise<void>): void
  /** Throws OperatorError PORT_IN_USE. Port 0 takes a free one. */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ url: string; port: number }>
}

const DEFAULT_BODY_LIMIT = 256 * 1024
/** Connections that may wait to be accepted; more at once are reset. Node's default is 511. */
const BACKLOG = 4096
const DEFAULT_DRAIN_MS = 10_000
const REQUEST_ID = /^[\w.:-]{1,128}$/

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { origins = [] } = options
  const app = createApp(options)
  const checks = new Map<string, NamedCheck>()
  const upgrades = new Map<string, Upgrade>()
  const shutdownHooks: (() => Promise<void>)[] = []
  const state = { stopping: false }
  startProcessMetrics()
  observeRequests(app, options)
  const findPath = recordPaths(app)
  allowOrigins(app, origins, findPath)
  answerOtherMethods(app, findPath, options.logger)
  app.addHook('preParsing', refuseCompressedBody)
  app.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id)
    // A keep-alive connection would delay the shutdown until its client closes it.
    if (state.stopping) void reply.header('connection', 'close')
    done(null, payload)
  })
  addHealthRoutes(app, { name: options.name, checks, isStopping: () => state.stopping })
  app.get('/metrics', async (_request, reply) => {
    void reply.type(METRICS_CONTENT_TYPE)
    return metricsText()
  })
  routeUpgrades(app, upgrades, origins)
  const connections = trackConnections(app)
  let local: LocalExchanges | undefined
  return {
    name: options.name,
    logger: options.logger,
    app,
    addHealthCheck(name, check, { essential } = { essential: true }) {
      checks.set(name, { check, essential })
      return () => void checks.delete(name)
    },
    onUpgrade: (path, upgrade) => void upgrades.set(path, upgrade),
    onShutdown: work => void shutdownHooks.push(work),
    async listen(address) {
      const listening = await listen(app, options, address)
      local = serveLocally(listening.bound, countLocal(options.name, app.routing))
      return { url: listening.url, port: listening.bound.port }
    },
    async [Symbol.asyncDispose]() {
      state.stopping = true
      await Promise.all(shutdownHooks.map(work => work()))
      // Browsers open connections in advance: Node would wait for their first request.
      for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
      await drain(app, { connections, local }, options.drainMs ?? DEFAULT_DRAIN_MS)
    },
  }
}

function createApp({ bodyLimit = DEFAULT_BODY_LIMIT, logger, name }: HttpServerOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit,
    requestIdHeader: false,
    genReqId: requestIdOf,
    keepAliveTimeout: 72_000,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: true,
    // Fastify's own message would repeat the whole path. No hook has run, nor will any.
    frameworkErrors: ({ statusCode = 400 }, request, reply) => {
      const error = new RequestError(statusCode, 'the path is too long, or is not encoded as URLs are')
      return sendError(error, { request, reply: reply.header('x-request-id', request.id), logger })
    },
  })
  app.setErrorHandler((error, request, reply) =>
    (request.routeOptions.config.sendError ?? sendError)(error, { request, reply, logger }),
  )
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { code: 'NOT_FOUND', message: `${name} has nothing at this path` } }),
  )
  return app
}

/** Returns the caller's request id when it is safe for logs and headers, a new one otherwise. */
function requestIdOf(request: { readonly headers: IncomingMessage['headers'] }): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

function trackConnections(app: FastifyInstance): ReadonlySet<Socket> {
  const connections = new Set<Socket>()
  app.server.on('connection', socket => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  return connections
}

function routeUpgrades(app: FastifyInstance, upgrades: ReadonlyMap<string, Upgrade>, origins: Origins): void {
  app.server.on('upgrade', (request, socket, head) => {
    const upgrade = upgrades.get((request.url ?? '').split('?', 1)[0] ?? '')
    if (upgrade === undefined) return refuseUpgrade(socket, '404 Not Found')
    if (!mayOpenSocket(request, origins)) return refuseUpgrade(socket, '403 Forbidden')
    upgrade(request, socket, head)
  })
}

/** Answers an upgrade with `status`, such as `404 Not Found`, and further `headers`, such as `Retry-After: 5`. */
export function refuseUpgrade(socket: Duplex, status: string, ...headers: readonly string[]): void {
  socket.once('error', () => socket.destroy())
  const lines = [`HTTP/1.1 ${status}`, 'Connection: close', ...headers, 'Content-Length: 0']
  socket.end(`${lines.join('\r\n')}\r\n\r\n`)
}

async function listen(
  app: FastifyInstance,
  { name }: HttpServerOptions,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ url: string; bound: { host: string; port: number } }> {
  try {
    await app.listen({ host, port, backlog: BACKLOG })
  } catch (error) {
    throw explainListen(error, name, port)
  }
  const given = app.server.address()
  const bound = typeof given === 'object' && given ? given : { address: host, port }
  return {
    url: `http://${urlHost(host)}:${bound.port}`,
    bound: { host: urlHost(bound.address), port: bound.port },
  }
}

/** The label sets are as few as the services of the process. */
function countLocal(service: string, serve: RequestListener): RequestListener {
  const requests = counter(
    'waybill_http_local_requests_total',
    "HTTP requests that came from the server's own process, without a socket",
    ['service'],
  )
  const count = deferredCounter(requests, { service })
  return (request, response) => {
    count()
    serve(request, response)
  }
}

function explainListen(error: unknown, name: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return new OperatorError(
      'PORT_IN_USE',
      `port ${port} is in use, and ${name} needs it: stop the program that listens there, or give ${name} another port`,
      error,
    )
  if (code === 'EACCES')
    return new OperatorError('PORT_FORBIDDEN', `this account may not listen on port ${port}`, error)
  return error
}

/** Returns the host by which a client on this machine reaches a server that listens on `host`. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

type Open = { readonly connections: ReadonlySet<Socket>; readonly local: LocalExchanges | undefined }

/**
 * Stops accepting, lets pending requests end, and cuts those that remain after `drainMs`, with upgraded connections and
 * calls of this process.
 */
async function drain(app: FastifyInstance, { connections, local }: Open, drainMs: number): Promise<void> {
  const cut = setTimeout(() => {
    for (const socket of connections) socket.destroy()
    local?.cut()
  }, drainMs)
  try {
    await Promise.all([local?.close(), app.close()])
  } finally {
    clearTimeout(cut)
  }
}
