// One subscription for all who want the same: its events followed, answered in their order, given to each. Free of transport.
import type { ExecutionError, SubgraphResponse } from '#gateway/executor/execution.ts'
import type { FormatError } from '#gateway/pipeline/response.ts'
import { createBroadcast } from '#gateway/subscriptions/broadcast.ts'
import type { SubscriptionSettings } from '#gateway/subscriptions/settings.ts'
import type { SubscriptionMetrics } from '#gateway/subscriptions/subscription-metrics.ts'
import { haveSameSource, type SubscriptionPlan } from '#gateway/subscriptions/subscription-plan.ts'
import { followWithReconnects } from '#gateway/subscriptions/upstream/reconnection.ts'
import {
  type Connect,
  type UpstreamEvent,
  UpstreamRefusal,
} from '#gateway/subscriptions/upstream/upstream.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { type EncodedResult, encodeResultText } from '#platform/graphql/live-server/encoded-results.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

export type SharedSubscription = {
  /** Answers from now on. `forwarded` gives what goes out in the reader's name, as it is then. */
  join(forwarded: () => ForwardedHeaders): AsyncIterator<EncodedResult>
  /** Goes on by another plan, without a break: the events of a new source are taken once it is open. */
  replan(plan: SubscriptionPlan): void
}

export type RunOptions = {
  readonly connect: (protocol: SubscriptionPlan['endpoint']['protocol']) => Connect
  readonly settings: SubscriptionSettings
  /** For one answer. */
  readonly createFormat: () => FormatError
  readonly logger: Logger
  readonly seen: SubscriptionMetrics
  /** Called once: it has ended, or nobody reads any more. */
  readonly over: () => void
}

/** Following one source. `failure` is there once it has ended. */
type Flow = {
  plan: SubscriptionPlan
  readonly stop: AbortController
  ended: { failure?: { error: unknown } } | undefined
}

/** Events whose answers are worked on at once. */
const AHEAD = 8
/** How long a client may hold up all others of a subscription. */
const PATIENCE_MS = 1000

export function startSubscription(first: SubscriptionPlan, options: RunOptions): SharedSubscription {
  const { settings, logger, seen } = options
  const readers = new Set<() => ForwardedHeaders>()
  const answers = createBroadcast<EncodedResult>({
    maxItems: settings.maxBehind,
    maxBytes: settings.maxBehindBytes,
    patienceMs: PATIENCE_MS,
    bytesOf: ({ closed }) => closed.length,
    tooSlow: () => new CallerError('UNAVAILABLE', 'events came faster than they were read: subscribe again'),
    deserted: () => finish(),
  })
  let lastForwarded: (() => ForwardedHeaders) | undefined
  let inOrder: Promise<unknown> = Promise.resolve()
  let over = false
  /** Another one each time, so that one that is away is got round. */
  let nextInstance = Math.floor(Math.random() * first.endpoint.urls.length)
  let following = follow(first)
  seen.followed.inc()
  /** To be followed instead, once its source is open. */
  let coming: Flow | undefined

  function follow(plan: SubscriptionPlan): Flow {
    const flow: Flow = { plan, stop: new AbortController(), ended: undefined }
    // Readers join in the same turn: what goes out is theirs.
    queueMicrotask(() => {
      pump(flow).then(
        () => ended(flow, {}),
        error =>
          ended(flow, { failure: { error: error instanceof UpstreamRefusal ? told(error, flow) : error } }),
      )
    })
    return flow
  }

  async function pump(flow: Flow): Promise<void> {
    const { signal } = flow.stop
    const { service } = flow.plan.request
    const underWay: Promise<unknown>[] = []
    const events = followWithReconnects(lastId => connect(flow, lastId), {
      signal,
      connectMs: flow === coming ? settings.outageMs : settings.connectMs,
      outageMs: settings.outageMs,
      opened: () => opened(flow),
      lost(error) {
        seen.lost(service)
        logger.warn({ err: error, subgraph: service }, 'a subscription is to be followed again')
      },
    })
    for await (const { answer, id } of events) {
      await answers.room()
      if (signal.aborted) return
      underWay.push(give(flow.plan, answer, id))
      if (underWay.length >= AHEAD) await underWay.shift()
    }
  }

  /** Answers are worked on side by side, and given in the order of their events. */
  function give(plan: SubscriptionPlan, event: SubgraphResponse, id: string | undefined): Promise<unknown> {
    const forwarded = forwardedNow()
    const answered = inSpan('subscription event', { parent: forwarded.own.traceparent }, () =>
      plan.respond(event, forwarded, options.createFormat()),
    )
    inOrder = inOrder
      .then(async () => answers.push(encodeResultText(await answered, id)))
      .catch(error => logger.error({ err: error }, 'an event could not be answered'))
    return inOrder
  }

  /** Any reader's will do: they are alike in what goes out. The last one's, when it has just left. */
  function forwardedNow(): ForwardedHeaders {
    const [some = lastForwarded] = readers
    if (!some) throw new Error('a subscription that nobody has joined')
    lastForwarded = some
    return some()
  }

  async function* connect({ plan, stop }: Flow, lastId: string | undefined): AsyncGenerator<UpstreamEvent> {
    const { endpoint, request, subgraph } = plan
    const sent = subgraph.forward(forwardedNow())
    const headers = { ...sent.shared, ...sent.own }
    const url = endpoint.urls[nextInstance++ % endpoint.urls.length] ?? ''
    const asked = { service: request.service, url, headers, body: request.body, lastId }
    try {
      yield* options.connect(endpoint.protocol)(asked, stop.signal)
    } catch (error) {
      // A token that was refreshed meanwhile is worth another try.
      throw isTokens(error) && subgraph.forward(forwardedNow()).key !== sent.key
        ? new Error('renewed')
        : error
    }
  }

  function opened(flow: Flow): void {
    if (flow !== coming) return
    coming = undefined
    letGo(following)
    following = flow
  }

  function ended(flow: Flow, outcome: NonNullable<Flow['ended']>): void {
    if (flow.stop.signal.aborted) return
    flow.ended = outcome
    const { service } = flow.plan.request
    if (outcome.failure)
      logger.warn({ err: outcome.failure.error, subgraph: service }, 'a subscription cannot be followed')
    if (flow === coming) {
      coming = undefined
      letGo(flow)
    }
    if (!coming && following.ended) end(following.ended)
  }

  function end({ failure }: NonNullable<Flow['ended']>): void {
    inOrder = inOrder.then(() => answers.end(failure))
    finish()
  }

  function finish(): void {
    if (over) return
    over = true
    seen.followed.dec()
    letGo(following)
    if (coming) letGo(coming)
    options.over()
  }

  function letGo({ plan, stop }: Flow): void {
    stop.abort()
    release(plan)
  }

  /** After the last answer that it is worked on. */
  function release(plan: SubscriptionPlan): void {
    void inOrder.then(() => plan[Symbol.dispose]())
  }

  return {
    join(forwarded) {
      const reader = answers.read()
      readers.add(forwarded)
      seen.clients.inc()
      const leave = () => {
        if (readers.delete(forwarded)) seen.clients.dec()
      }
      return {
        next: () =>
          reader.next().then(
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
          return reader.return?.() ?? Promise.resolve({ done: true, value: undefined })
        },
      }
    },
    replan(plan) {
      if (over) return plan[Symbol.dispose]()
      if (coming) letGo(coming)
      coming = undefined
      if (following.ended || !haveSameSource(following.plan, plan)) {
        coming = follow(plan)
        return
      }
      release(following.plan)
      following.plan = plan
    },
  }
}

function told({ errors }: UpstreamRefusal, { plan }: Flow): ExecutionError[] {
  return plan.subgraph
    .maskErrors(errors)
    .filter(isObject)
    .map(({ message, extensions }) => ({
      message: typeof message === 'string' ? message : 'a subgraph refused a subscription',
      extensions: isObject(extensions) ? extensions : {},
    }))
}

function isTokens(error: unknown): boolean {
  return error instanceof CallerError && (error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN')
}
