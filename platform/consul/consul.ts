// Consul's HTTP API as the adapters use it: where it is, tokens, blocking queries, named faults. Free of what is asked of it.
import { Pool } from 'undici'
import { OperatorError } from '#platform/domain/errors.ts'
import { backOff } from '#platform/resilience/backoff.ts'

export type ConsulOptions = {
  /** `consul://host:port` or `consul+https://host:port`; `?dc=` names a data centre. Port 8500 when left out. */
  readonly url: string
  /** The variable that holds it, for errors. */
  readonly variable: 'DISCOVERY_URL' | 'CONFIG_URL'
  /** What CONSUL_HTTP_TOKEN holds. */
  readonly token?: string | undefined
}

export type ConsulRequest = {
  readonly method?: 'GET' | 'PUT'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  /** For an answer; as long as a blocking query may take when left out. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export type ConsulResponse = {
  /** 404 where there is no such thing. */
  readonly status: 200 | 404
  readonly text: string
  /** What a blocking query goes on from. */
  readonly index: number
  /** Whether something was left out because the token may not see it. */
  readonly isFiltered: boolean
}

export type Consul = AsyncDisposable & {
  /** Host and port, for people. */
  readonly address: string
  /**
   * Throws OperatorError CONSUL_AWAY when there is no answer, or Consul has no leader, and CONSUL_DENIED when the token may
   * not do this. Both name the variable.
   */
  send(request: ConsulRequest): Promise<ConsulResponse>
  denied(what: string): OperatorError
}

const DEFAULT_PORT = 8500
const CONNECT_MS = 2000
/** A blocking query ends after `WAIT_MS` and up to a sixteenth more; who is silent for longer is away. */
const WAIT_MS = 10_000
const ANSWER_MS = WAIT_MS + 3000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
/** Blocking queries hold a connection each. */
const CONNECTIONS = 64

/** Connects when first asked. */
export function openConsul({ url, variable, token }: ConsulOptions): Consul {
  const { protocol, hostname, port, searchParams } = new URL(url)
  const address = `${hostname}:${port || DEFAULT_PORT}`
  const pool = new Pool(`${protocol === 'consul+https:' ? 'https' : 'http'}://${address}`, {
    connections: CONNECTIONS,
    connectTimeout: CONNECT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
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

  async function send({ method = 'GET', path, query, body, signal, timeoutMs = ANSWER_MS }: ConsulRequest) {
    const answer = await exchange(pool, {
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
    const { status, text } = answer
    if (status === 401 || status === 403) throw denied(`${method} ${path}`)
    if (status === 200 || status === 404) return { ...answer, status } as const
    throw away(`answers with HTTP ${status} ${text.trim().slice(0, 200)}`)
  }

  return { address, send, denied, [Symbol.asyncDispose]: () => pool.destroy() }
}

type Exchange = {
  readonly method: 'GET' | 'PUT'
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly body?: string
  readonly signal?: AbortSignal
}

async function exchange(pool: Pool, request: Exchange) {
  const { statusCode: status, headers, body } = await pool.request(request)
  return {
    status,
    text: await body.text(),
    index: Number(headers['x-consul-index']) || 0,
    isFiltered: headers['x-consul-results-filtered-by-acls'] === 'true',
  }
}

export type ConsulWatch = {
  readonly request: Pick<ConsulRequest, 'path' | 'query'>
  readonly signal: AbortSignal
  /** Told at first, and after each change. What it throws counts as a failure. */
  readonly onResponse: (answer: ConsulResponse) => void
  /** Told of each attempt that failed. */
  readonly onError: (error: unknown) => void
  /** Told of each answer that was taken, whether anything had changed or not. */
  readonly onSuccess?: () => void
}

/** Follows what `request` answers by blocking queries until `signal` is aborted. Never rejects. */
export async function watchConsul(consul: Consul, watching: ConsulWatch): Promise<void> {
  const { request, signal, onResponse, onError, onSuccess } = watching
  let index = 0
  let attempts = 0
  while (!signal.aborted) {
    try {
      const blocking = index > 0 ? { index: String(index), wait: `${WAIT_MS}ms` } : {}
      const answer = await consul.send({ ...request, query: { ...request.query, ...blocking }, signal })
      const isNew = answer.index !== index || index === 0
      // An index that went back is that of a Consul that began anew.
      index = answer.index < index ? 0 : Math.max(1, answer.index)
      if (isNew) onResponse(answer)
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

/** Rejects with OperatorError CONSUL_AWAY while there is no leader. */
export async function checkLeader({ send, address }: Consul): Promise<void> {
  const { text } = await send({ path: '/v1/status/leader', timeoutMs: CONNECT_MS })
  if (text.length <= 2) throw new OperatorError('CONSUL_AWAY', `Consul at ${address} has no leader yet`)
}

/** A Consul that has just begun may not know its tokens yet. */
const DENIED_MS = 3000

/** Whether waiting is no use: true of denials that have gone on for three seconds. */
export function persistentDenial(): (error: unknown) => boolean {
  let since: number | undefined
  return error => {
    const isDenied = error instanceof OperatorError && error.code === 'CONSUL_DENIED'
    const now = performance.now()
    since = isDenied ? (since ?? now) : undefined
    return since !== undefined && now - since > DENIED_MS
  }
}
