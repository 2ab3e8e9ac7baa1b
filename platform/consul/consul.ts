// A client for Consul's HTTP API: address, token, blocking queries, and errors that name the variable.
import { Pool } from 'undici'
import { OperatorError } from '#platform/domain/errors.ts'
import { backOff } from '#platform/resilience/backoff.ts'

type ConsulOptions = {
  /** `consul://host:port` or `consul+https://host:port`; `?dc=` names a data centre. Port 8500 by default. */
  readonly url: string
  /** The variable that holds the URL, for errors. */
  readonly variable: 'DISCOVERY_URL' | 'CONFIG_URL'
  /** The value of CONSUL_HTTP_TOKEN. */
  readonly token?: string | undefined
}

type ConsulRequest = {
  readonly method?: 'GET' | 'PUT'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  /** By default as long as a blocking query may take. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export type ConsulResponse = {
  /** 404 where the key or service does not exist. */
  readonly status: 200 | 404
  readonly text: string
  /** The index from which a blocking query continues. */
  readonly index: number
  /** True when Consul left something out because the token may not see it. */
  readonly isFiltered: boolean
}

export type Consul = AsyncDisposable & {
  /** Host and port, for messages. */
  readonly address: string
  /**
   * Throws OperatorError CONSUL_AWAY when there is no response, or Consul has no leader, and CONSUL_DENIED when the token may
   * not do this. Both name the variable.
   */
  send(request: ConsulRequest): Promise<ConsulResponse>
  denied(what: string): OperatorError
}

const DEFAULT_PORT = 8500
const CONNECT_MS = 2000
/** A blocking query ends after `WAIT_MS` and up to a sixteenth more; a Consul that is silent for longer is unreachable. */
const WAIT_MS = 10_000
const RESPONSE_MS = WAIT_MS + 3000
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024
/** Blocking queries hold a connection each. */
const CONNECTIONS = 64

/** Connects with the first request. */
export function openConsul({ url, variable, token }: ConsulOptions): Consul {
  const { protocol, hostname, port, searchParams } = new URL(url)
  const address = `${hostname}:${port || DEFAULT_PORT}`
  const pool = new Pool(`${protocol === 'consul+https:' ? 'https' : 'http'}://${address}`, {
    connections: CONNECTIONS,
    connectTimeout: CONNECT_MS,
    maxResponseSize: MAX_RESPONSE_BYTES,
  })
  const dc = searchParams.get('dc')
  const headers = { ...(token && { 'x-consul-token': token }) }
  const denied = (what: string) =>
    new OperatorError(
      'CONSUL_DENIED',
      `Consul at ${address}, which ${variable} names, does not allow ${what}: ${
        token ? 'the token in CONSUL_HTTP_TOKEN may not do this' : 'CONSUL_HTTP_TOKEN is not set'
      }`,
    )
  const away = (reason: string, cause?: unknown) =>
    new OperatorError('CONSUL_AWAY', `Consul at ${address}, which ${variable} names, ${reason}`, cause)

  async function send({ method = 'GET', path, query, body, signal, timeoutMs = RESPONSE_MS }: ConsulRequest) {
    const response = await request(pool, {
      method,
      path,
      query: { ...query, ...(dc && { dc }) },
      headers,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    }).catch(cause => {
      if (signal?.aborted) throw cause
      throw away(`cannot be reached: ${cause instanceof Error ? cause.message : cause}`, cause)
    })
    const { status, text } = response
    if (status === 401 || status === 403) throw denied(`${method} ${path}`)
    if (status === 200 || status === 404) return { ...response, status } as const
    throw away(`answers with HTTP ${status} ${text.trim().slice(0, 200)}`)
  }

  return { address, send, denied, [Symbol.asyncDispose]: () => pool.destroy() }
}

async function request(pool: Pool, options: Parameters<Pool['request']>[0]) {
  const { statusCode: status, headers, body } = await pool.request(options)
  return {
    status,
    text: await body.text(),
    index: Number(headers['x-consul-index']) || 0,
    isFiltered: headers['x-consul-results-filtered-by-acls'] === 'true',
  }
}

type ConsulWatch = {
  readonly request: Pick<ConsulRequest, 'path' | 'query'>
  readonly signal: AbortSignal
  /** Called first, and after each change. What it throws counts as a failure. */
  readonly onResponse: (response: ConsulResponse) => void
  /** Called for each failed attempt. */
  readonly onError: (error: unknown) => void
  /** Called for each response that was accepted, changed or not. */
  readonly onSuccess?: () => void
}

/** Watches the response of `request` by blocking queries until `signal` is aborted. Never rejects. */
export async function watchConsul(consul: Consul, watching: ConsulWatch): Promise<void> {
  const { request, signal, onResponse, onError, onSuccess } = watching
  let index = 0
  let attempts = 0
  while (!signal.aborted) {
    try {
      const blocking = index > 0 ? { index: String(index), wait: `${WAIT_MS}ms` } : {}
      const response = await consul.send({ ...request, query: { ...request.query, ...blocking }, signal })
      const isNew = response.index !== index || index === 0
      // The index goes back when Consul has restarted with no data.
      index = response.index < index ? 0 : Math.max(1, response.index)
      if (isNew) onResponse(response)
      onSuccess?.()
      attempts = 0
      if (!isNew) await backOff(0, signal)
    } catch (error) {
      if (signal.aborted) return
      index = 0
      onError(error)
      await backOff(attempts++, signal)
    }
  }
}

/** Throws OperatorError CONSUL_AWAY while there is no leader. */
export async function checkLeader({ send, address }: Consul): Promise<void> {
  const { text } = await send({ path: '/v1/status/leader', timeoutMs: CONNECT_MS })
  if (text.length <= 2) throw new OperatorError('CONSUL_AWAY', `Consul at ${address} has no leader yet`)
}

/** How long a denial may last: a Consul that has just started may not know its tokens yet. */
const DENIED_MS = 3000

/** Returns a check that is true of denials that have lasted for three seconds, after which waiting is of no use. */
export function persistentDenial(): (error: unknown) => boolean {
  let since: number | undefined
  return error => {
    const isDenied = error instanceof OperatorError && error.code === 'CONSUL_DENIED'
    const now = performance.now()
    since = isDenied ? (since ?? now) : undefined
    return since !== undefined && now - since > DENIED_MS
  }
}
