// The entry `@waybill/kit/live`: subscriptions that go on where they were after any break, over WebSocket or event streams.
import { type Backoff, waitBefore } from '../core/backoff.ts'
import {
  codeOf,
  type GraphqlError,
  type GraphqlRequest,
  type GraphqlResult,
  isObject,
  isTransient,
  retryAfterOf,
} from '../core/request.ts'
import type { TokenSource } from '../core/tokens.ts'
import type { Session, SessionEnd, SessionEvents } from './session.ts'
import { openSocket } from './socket.ts'
import { openStreams } from './streams.ts'

type Transport = 'websocket' | 'sse'

export type LiveState =
  /** Nobody is subscribed. */
  | { readonly status: 'idle' }
  | { readonly status: 'connecting'; readonly over: Transport }
  | { readonly status: 'live'; readonly over: Transport }
  /** The connection broke for `reason`; the next attempt is at `retryAt`, in ms since 1970. */
  | { readonly status: 'waiting'; readonly reason: string; readonly retryAt: number }
  | { readonly status: 'closed' }

export type LiveOptions = {
  /** The endpoint, such as `https://shop.example/graphql`. */
  readonly url: string
  /** The endpoint of event streams; `url` with `/stream` when left out. */
  readonly streamUrl?: string
  /** What to try, the preferred one first; `['websocket', 'sse']` when left out. */
  readonly transports?: readonly [Transport, ...Transport[]]
  /** Without one, the caller is anonymous. */
  readonly tokens?: TokenSource | undefined
  readonly fetch?: typeof fetch
  readonly WebSocket?: typeof WebSocket
  /** How long to wait between attempts; 300 ms up to 30 s when left out. */
  readonly backoff?: Backoff
  /** A connection that said nothing for so long is asked whether it still lives; 15,000 ms when left out. */
  readonly keepAliveMs?: number
  /** How long the server may take to accept a connection or to answer that; 10,000 ms when left out. */
  readonly timeoutMs?: number
}

/** One subscriber. A result may have errors beside its data; `error` and `complete` end the subscription. */
export type Sink<T> = {
  next(result: GraphqlResult<T>): void
  error(error: SubscriptionError): void
  complete(): void
}

export type Live = {
  /** Subscribes until the returned function is called, the server completes, or it refuses the operation. */
  subscribe<T>(request: GraphqlRequest<T>, sink: Sink<T>): () => void
  /** The same to be read by `for await`, which ends the subscription when it is left. Throws SubscriptionError. */
  iterate<T>(request: GraphqlRequest<T>): AsyncIterableIterator<GraphqlResult<T>>
  state(): LiveState
  /** Calls `listener` at each change of the state, until the returned function is called. */
  onState(listener: (state: LiveState) => void): () => void
  /** Connects at once if it waits for the next attempt: a phone's app calls it when it comes to the front. */
  wake(): void
  /** Ends all subscriptions, which complete. */
  close(): void
}

/** The server refused a subscription, or does not understand this client. */
export class SubscriptionError extends Error {
  readonly errors: readonly GraphqlError[]
  constructor(errors: readonly GraphqlError[]) {
    super(errors[0]?.message ?? 'the subscription failed')
    this.errors = errors
  }
}

type Subscription = {
  readonly id: string
  readonly request: GraphqlRequest
  readonly sink: Sink<unknown>
  /** The last cursors that came, the newest last. */
  seen: string[]
  /** How often in a row the server refused it for the moment. */
  refusals: number
  retry: ReturnType<typeof setTimeout> | undefined
}

type Client = {
  readonly options: LiveOptions & { readonly backoff: Backoff }
  readonly subscriptions: Map<string, Subscription>
  readonly listeners: Set<(state: LiveState) => void>
  state: LiveState
  session: Session | undefined
  /** The token that the session began with. */
  token: string | undefined
  /** Which of the transports is tried. */
  transport: number
  /** How many sessions in a row were over soon. */
  attempts: number
  /** How many sessions in a row were never live. */
  failures: number
  timer: ReturnType<typeof setTimeout> | undefined
  steady: ReturnType<typeof setTimeout> | undefined
  wake: () => void
}

const REMEMBERED_CURSORS = 32
/** So many results wait for a reader of `iterate`. */
const BUFFERED = 1000
/** After so many attempts that were never live, the other transport is tried. */
const PATIENCE = 2
/** A session that was live for so long starts the backoff anew, in ms. */
const STEADY_MS = 5000

declare const addEventListener: ((type: string, listener: () => void) => void) | undefined
declare const removeEventListener: ((type: string, listener: () => void) => void) | undefined

/**
 * Connects when the first subscriber comes, and disconnects after the last one. After a break it connects again, and each
 * operation that declares a variable `$after` resumes behind the last `cursor` that its root field gave; a change that
 * comes twice is dropped. An operation without them starts anew.
 */
export function createLive(options: LiveOptions): Live {
  const client: Client = {
    options: { backoff: { minMs: 300, maxMs: 30_000 }, ...options },
    subscriptions: new Map(),
    listeners: new Set(),
    state: { status: 'idle' },
    session: undefined,
    token: undefined,
    transport: 0,
    attempts: 0,
    failures: 0,
    timer: undefined,
    steady: undefined,
    wake: () => {
      if (client.state.status === 'waiting') connect(client)
    },
  }
  if (typeof addEventListener === 'function') addEventListener('online', client.wake)
  let lastId = 0

  function subscribe<T>(request: GraphqlRequest<T>, sink: Sink<T>): () => void {
    if (client.state.status === 'closed') throw new Error('this client was closed')
    const id = String(++lastId)
    // The server answers by the schema that the types were generated from.
    const untyped = { ...sink, next: (result: GraphqlResult) => sink.next(result as GraphqlResult<T>) }
    client.subscriptions.set(id, { id, request, sink: untyped, seen: [], refusals: 0, retry: undefined })
    if (client.session) start(client, id)
    else if (client.state.status === 'idle') connect(client)
    return () => {
      if (!remove(client, id)) return
      client.session?.stop(id)
      restIfUnused(client)
    }
  }

  return {
    subscribe,
    iterate: request => iterate(sink => subscribe(request, sink)),
    state: () => client.state,
    onState(listener) {
      client.listeners.add(listener)
      return () => client.listeners.delete(listener)
    },
    wake: client.wake,
    close: () => close(client),
  }
}

function close(client: Client): void {
  disconnect(client)
  if (typeof removeEventListener === 'function') removeEventListener('online', client.wake)
  setState(client, { status: 'closed' })
  for (const { id, sink } of client.subscriptions.values()) if (remove(client, id)) sink.complete()
}

function remove({ subscriptions }: Client, id: string): boolean {
  clearTimeout(subscriptions.get(id)?.retry)
  return subscriptions.delete(id)
}

function disconnect(client: Client): void {
  clearTimeout(client.timer)
  clearTimeout(client.steady)
  client.session?.close()
  client.session = undefined
}

function restIfUnused(client: Client): void {
  if (client.subscriptions.size > 0 || client.state.status === 'closed') return
  disconnect(client)
  setState(client, { status: 'idle' })
}

function setState(client: Client, state: LiveState): void {
  client.state = state
  for (const listener of client.listeners) listener(state)
}

function connect(client: Client): void {
  clearTimeout(client.timer)
  const { tokens, transports = ['websocket', 'sse'] } = client.options
  const over = transports[client.transport % transports.length] ?? 'websocket'
  const attempt: LiveState = { status: 'connecting', over }
  setState(client, attempt)
  Promise.resolve(tokens?.get())
    .then(token => {
      if (client.state !== attempt) return
      client.token = token
      client.session = openSession(client, over)
      for (const id of client.subscriptions.keys()) start(client, id)
    })
    .catch((error: unknown) => {
      if (client.state === attempt) ended(client, { reason: String(error) })
    })
}

function openSession(client: Client, over: Transport): Session {
  const { url, streamUrl = `${url}/stream`, ...options } = client.options
  const open = over === 'websocket' ? openSocket : openStreams
  return open(
    {
      url: over === 'websocket' ? url : streamUrl,
      token: client.token,
      tokens: options.tokens,
      fetch: options.fetch ?? fetch,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      keepAliveMs: options.keepAliveMs ?? 15_000,
      timeoutMs: options.timeoutMs ?? 10_000,
    },
    eventsFor(client, over),
  )
}

function eventsFor(client: Client, over: Transport): SessionEvents {
  return {
    live() {
      client.failures = 0
      client.steady = setTimeout(() => {
        client.attempts = 0
      }, STEADY_MS)
      setState(client, { status: 'live', over })
    },
    next: (id, result) => deliver(client, id, result),
    failed: (id, errors) => fail(client, id, errors),
    completed(id) {
      const subscription = client.subscriptions.get(id)
      if (!subscription || !remove(client, id)) return
      subscription.sink.complete()
      restIfUnused(client)
    },
    ended: end => ended(client, end),
  }
}

function ended(client: Client, { reason, tokenRefused, fatal, retryAfterMs }: SessionEnd): void {
  const { tokens, backoff } = client.options
  if (client.state.status !== 'live') client.failures += 1
  clearTimeout(client.steady)
  client.session = undefined
  if (fatal || (tokenRefused && !tokens)) return void giveUp(client, reason)
  if (client.failures >= PATIENCE) {
    client.failures = 0
    client.transport += 1
  }
  // A refresh that fails is tried again by the next attempt.
  if (tokenRefused && client.token !== undefined) tokens?.renew(client.token).catch(() => {})
  const waitMs = waitBefore(client.attempts, backoff, retryAfterMs)
  client.attempts += 1
  setState(client, { status: 'waiting', reason, retryAt: Date.now() + waitMs })
  client.timer = setTimeout(() => connect(client), waitMs)
}

function giveUp(client: Client, reason: string): void {
  const error = new SubscriptionError([{ message: reason }])
  setState(client, { status: 'idle' })
  for (const { id, sink } of client.subscriptions.values()) if (remove(client, id)) sink.error(error)
}

function start({ subscriptions, session }: Client, id: string): void {
  const subscription = subscriptions.get(id)
  if (!subscription || !session) return
  clearTimeout(subscription.retry)
  session.start(id, resumed(subscription))
}

/** Returns the request with the last cursor as `after`, where the operation declares it. */
function resumed({ request, seen }: Subscription): GraphqlRequest {
  const after = seen.at(-1)
  if (after === undefined || !/\$after\b/.test(String(request.query))) return request
  return { ...request, variables: { ...request.variables, after } }
}

function deliver({ subscriptions }: Client, id: string, result: GraphqlResult): void {
  const subscription = subscriptions.get(id)
  if (!subscription) return
  const cursor = cursorOf(result)
  if (cursor !== undefined) {
    if (subscription.seen.includes(cursor)) return
    subscription.seen = [...subscription.seen, cursor].slice(-REMEMBERED_CURSORS)
  }
  subscription.refusals = 0
  subscription.sink.next(result)
}

function cursorOf({ data }: GraphqlResult): string | undefined {
  if (!isObject(data)) return undefined
  const [change] = Object.values(data)
  return isObject(change) && typeof change.cursor === 'string' ? change.cursor : undefined
}

/** A refusal for the moment is tried again. A cursor that the server does not know any more is dropped, once. */
function fail(client: Client, id: string, errors: readonly GraphqlError[]): void {
  const subscription = client.subscriptions.get(id)
  if (!subscription) return
  const code = codeOf(errors)
  if (code === 'BAD_USER_INPUT' && subscription.seen.length > 0) {
    subscription.seen = []
    return void start(client, id)
  }
  if (!isTransient(code)) {
    remove(client, id)
    subscription.sink.error(new SubscriptionError(errors))
    return void restIfUnused(client)
  }
  const waitMs = waitBefore(subscription.refusals, client.options.backoff, retryAfterOf(errors))
  subscription.refusals += 1
  subscription.retry = setTimeout(() => start(client, id), waitMs)
}

type Waiter<T> = {
  resolve(result: IteratorResult<GraphqlResult<T>>): void
  reject(error: unknown): void
}

/** Buffers what comes while nobody reads, up to a limit at which it fails. */
function iterate<T>(subscribe: (sink: Sink<T>) => () => void): AsyncIterableIterator<GraphqlResult<T>> {
  const results: GraphqlResult<T>[] = []
  const waiters: Waiter<T>[] = []
  let over: { readonly error?: unknown } | undefined
  const finish = (end: { readonly error?: unknown }) => {
    over ??= end
    for (const waiter of waiters.splice(0))
      if ('error' in end) waiter.reject(end.error)
      else waiter.resolve({ done: true, value: undefined })
  }
  const unsubscribe = subscribe({
    next(result) {
      const waiter = waiters.shift()
      if (waiter) return waiter.resolve({ done: false, value: result })
      if (results.push(result) < BUFFERED) return
      unsubscribe()
      finish({ error: new SubscriptionError([{ message: `${BUFFERED} results were not read in time` }]) })
    },
    error: error => finish({ error }),
    complete: () => finish({}),
  })
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next() {
      const value = results.shift()
      if (value) return Promise.resolve({ done: false, value })
      if (!over) return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
      return 'error' in over ? Promise.reject(over.error) : Promise.resolve({ done: true, value: undefined })
    },
    async return() {
      unsubscribe()
      finish({})
      return { done: true, value: undefined }
    },
  }
}
