// Follows one subscription for all clients that want the same: each event is executed once, and broadcast in order.
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import type { FormatError } from '#gateway/pipeline/response.ts'
import { type Broadcast, createBroadcast } from '#gateway/subscriptions/broadcast.ts'
import type { SubscriptionSettings } from '#gateway/subscriptions/settings.ts'
import type { SubscriptionMetrics } from '#gateway/subscriptions/subscription-metrics.ts'
import { haveSameSource, type SubscriptionPlan } from '#gateway/subscriptions/subscription-plan.ts'
import { followWithReconnects } from '#gateway/subscriptions/upstream/reconnection.ts'
import {
  type UpstreamEvent,
  UpstreamRefusal,
  type Upstreams,
} from '#gateway/subscriptions/upstream/upstream.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { type EncodedResult, encodeResultText } from '#platform/graphql/live-server/encoded-results.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

export type SharedSubscription = {
  /** Returns the results from now on. `forwarded` returns what is forwarded in the reader's name at the moment. */
  join(forwarded: () => ForwardedHeaders): AsyncIterator<EncodedResult>
  /** Continues by another plan, without a break: the events of a new source are taken once it is open. */
  replan(plan: SubscriptionPlan): void
}

type SharedSubscriptionOptions = {
  readonly upstreams: Upstreams
  readonly settings: SubscriptionSettings
  /** Called once for each result. */
  readonly createFormat: () => FormatError
  readonly logger: Logger
  readonly metrics: SubscriptionMetrics
  /** Called once, when it has ended or the last reader has left. */
  readonly onEnd: () => void
}

/** One source that is followed. `ended` is set once it has ended. */
type Source = {
  plan: SubscriptionPlan
  readonly stop: AbortController
  ended: Outcome | undefined
}
type Outcome = { readonly failure?: { readonly error: unknown } }

type State = SharedSubscriptionOptions & {
  readonly results: Broadcast<EncodedResult>
  readonly readers: Set<() => ForwardedHeaders>
  lastForwarded: (() => ForwardedHeaders) | undefined
  /** Settles when all results so far have been broadcast. */
  inOrder: Promise<unknown>
  over: boolean
  /** Another instance each time, so that one that is away is passed over. */
  nextInstance: number
  source: Source
  /** Replaces `source` once it is open. */
  nextSource: Source | undefined
}

/** Events that are executed at once. */
const MAX_CONCURRENT = 8
/** How long a client may hold up all others of a subscription. */
const MAX_WAIT_MS = 1000

/** Begins in the next microtask, so that the first reader can join before. */
export function startSubscription(
  first: SubscriptionPlan,
  options: SharedSubscriptionOptions,
): SharedSubscription {
  const { settings } = options
  const results = createBroadcast<EncodedResult>({
    maxItems: settings.maxBehind,
    maxBytes: settings.maxBehindBytes,
    maxWaitMs: MAX_WAIT_MS,
    bytesOf: ({ closed }) => closed.length,
    tooSlow: () => new CallerError('UNAVAILABLE', 'events came faster than they were read: subscribe again'),
    onEmpty: () => finish(state),
  })
  const state: State = {
    ...options,
    results,
    readers: new Set(),
    lastForwarded: undefined,
    inOrder: Promise.resolve(),
    over: false,
    nextInstance: Math.floor(Math.random() * first.endpoint.urls.length),
    source: sourceOf(first),
    nextSource: undefined,
  }
  follow(state.source, state)
  options.metrics.followed(1)
  return {
    join: forwarded => join(forwarded, state),
    replan: plan => replan(plan, state),
  }
}

function join(forwarded: () => ForwardedHeaders, state: State): AsyncIterator<EncodedResult> {
  const { metrics, readers } = state
  const results = state.results.read()
  readers.add(forwarded)
  metrics.clients(1)
  const leave = () => {
    if (readers.delete(forwarded)) metrics.clients(-1)
  }
  return {
    next: () =>
      results.next().then(
        result => {
          if (result.done) leave()
          return result
        },
        error => {
          leave()
          throw error
        },
      ),
    return() {
      leave()
      return results.return?.() ?? Promise.resolve({ done: true, value: undefined })
    },
  }
}

function replan(plan: SubscriptionPlan, state: State): void {
  const { over, source, nextSource } = state
  if (over) {
    plan[Symbol.dispose]()
    return
  }
  if (nextSource) close(nextSource, state)
  state.nextSource = undefined
  if (source.ended || !haveSameSource(source.plan, plan)) {
    state.nextSource = sourceOf(plan)
    follow(state.nextSource, state)
    return
  }
  release(source.plan, state)
  source.plan = plan
}

function sourceOf(plan: SubscriptionPlan): Source {
  return { plan, stop: new AbortController(), ended: undefined }
}

function follow(source: Source, state: State): void {
  queueMicrotask(() => {
    pump(source, state).then(
      () => sourceEnded(source, {}, state),
      error => sourceEnded(source, { failure: { error: maskRefusal(error, source.plan) } }, state),
    )
  })
}

async function pump(source: Source, state: State): Promise<void> {
  const { logger, metrics, nextSource, results, settings } = state
  const { signal } = source.stop
  const { service } = source.plan.request
  const inProgress: Promise<unknown>[] = []
  const events = followWithReconnects(lastId => connect(source, lastId, state), {
    signal,
    connectMs: source === nextSource ? settings.outageMs : settings.connectMs,
    outageMs: settings.outageMs,
    onOpen: () => sourceOpened(source, state),
    onLost(error) {
      metrics.lost(service)
      logger.warn(
        { err: error, subgraph: service },
        'the connection of a subscription was lost, reconnecting',
      )
    },
  })
  for await (const { response, id } of events) {
    await results.room()
    if (signal.aborted) return
    inProgress.push(broadcast(source.plan, { response, id }, state))
    if (inProgress.length >= MAX_CONCURRENT) await inProgress.shift()
  }
}

type SourceEvent = { readonly response: SubgraphResponse; readonly id: string | undefined }

/** Events are executed side by side, and their results are broadcast in the order of the events. */
function broadcast(plan: SubscriptionPlan, { response, id }: SourceEvent, state: State): Promise<unknown> {
  const { createFormat, logger, results } = state
  const forwarded = forwardedNow(state)
  const result = inSpan('subscription event', { parent: forwarded.own.traceparent }, () =>
    plan.respond(response, forwarded, createFormat()),
  )
  state.inOrder = state.inOrder
    .then(async () => results.push(encodeResultText(await result, id)))
    .catch(error =>
      logger.error({ err: error }, 'executing an event of a subscription failed, it is skipped'),
    )
  return state.inOrder
}

/** All readers have the same headers forwarded, so any reader's will do: the last one's, when it has just left. */
function forwardedNow(state: State): ForwardedHeaders {
  const [forwarded = state.lastForwarded] = state.readers
  if (!forwarded) throw new Error('the subscription never had a reader')
  state.lastForwarded = forwarded
  return forwarded()
}

async function* connect(
  { plan, stop }: Source,
  lastId: string | undefined,
  state: State,
): AsyncGenerator<UpstreamEvent> {
  const { endpoint, request, subgraph } = plan
  const sent = subgraph.forward(forwardedNow(state))
  const headers = { ...sent.shared, ...sent.own }
  const url = endpoint.urls[state.nextInstance++ % endpoint.urls.length] ?? ''
  const upstreamRequest = { service: request.service, url, headers, body: request.body, lastId }
  try {
    yield* state.upstreams[endpoint.protocol](upstreamRequest, stop.signal)
  } catch (error) {
    // A token that was refreshed meanwhile is worth another attempt.
    throw isAboutToken(error) && subgraph.forward(forwardedNow(state)).key !== sent.key
      ? new Error('the token was refreshed')
      : error
  }
}

function sourceOpened(source: Source, state: State): void {
  if (source !== state.nextSource) return
  state.nextSource = undefined
  close(state.source, state)
  state.source = source
}

function sourceEnded(source: Source, outcome: Outcome, state: State): void {
  if (source.stop.signal.aborted) return
  source.ended = outcome
  const { service } = source.plan.request
  if (outcome.failure)
    state.logger.warn(
      { err: outcome.failure.error, subgraph: service },
      'a subscription of a subgraph failed',
    )
  if (source === state.nextSource) {
    state.nextSource = undefined
    close(source, state)
  }
  if (!state.nextSource && state.source.ended) end(state.source.ended, state)
}

function end({ failure }: Outcome, state: State): void {
  state.inOrder = state.inOrder.then(() => state.results.end(failure))
  finish(state)
}

function finish(state: State): void {
  if (state.over) return
  state.over = true
  state.metrics.followed(-1)
  close(state.source, state)
  if (state.nextSource) close(state.nextSource, state)
  state.onEnd()
}

function close({ plan, stop }: Source, state: State): void {
  stop.abort()
  release(plan, state)
}

/** Disposes of the plan after the last event that is executed by it. */
function release(plan: SubscriptionPlan, { inOrder }: State): void {
  void inOrder.then(() => plan[Symbol.dispose]())
}

/** Masks the errors of a subgraph's refusal like those of any response. */
function maskRefusal(error: unknown, { subgraph }: SubscriptionPlan): unknown {
  if (!(error instanceof UpstreamRefusal)) return error
  return subgraph
    .maskErrors(error.errors)
    .filter(isObject)
    .map(({ message, extensions }) => ({
      message: typeof message === 'string' ? message : 'a subgraph refused a subscription',
      extensions: isObject(extensions) ? extensions : {},
    }))
}

function isAboutToken(error: unknown): boolean {
  return error instanceof CallerError && (error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN')
}
