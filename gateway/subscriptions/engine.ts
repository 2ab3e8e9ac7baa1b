// Executes the operations of live connections: equal subscriptions share one source, anything else runs as over HTTP.
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { CurrentGraph, GraphLease } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import { type OperationObserver, observeOperations } from '#gateway/observe/operations.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { createErrorFormatter } from '#gateway/pipeline/error-format.ts'
import { forwardedHeaders, type RequestContext } from '#gateway/pipeline/request-context.ts'
import { emptyMetadata } from '#gateway/pipeline/response-metadata.ts'
import { type OperationRequest, runOperation } from '#gateway/pipeline/run-operation.ts'
import type { SubscriptionSettings } from '#gateway/subscriptions/settings.ts'
import { type SharedSubscription, startSubscription } from '#gateway/subscriptions/shared-subscription.ts'
import {
  admitSubscription,
  endWhenRightsChange,
  type Subscriber,
} from '#gateway/subscriptions/subscription-access.ts'
import {
  createSubscriptionMetrics,
  type SubscriptionMetrics,
} from '#gateway/subscriptions/subscription-metrics.ts'
import {
  addExtensions,
  type PlanRefusal,
  planSubscription,
  type SubscriptionPlan,
} from '#gateway/subscriptions/subscription-plan.ts'
import type { Upstreams } from '#gateway/subscriptions/upstream/upstream.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { requiredPositions } from '#platform/graphql/caller.ts'
import { traceparentIn } from '#platform/graphql/context.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { type EncodedResult, encodeResultText } from '#platform/graphql/live-server/encoded-results.ts'
import type { OperationExecutor, StartedOperation } from '#platform/graphql/live-server/execution.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import { singleItem } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type EngineOptions = {
  readonly service: string
  readonly current: CurrentGraph
  readonly upstreams: Upstreams
  readonly settings: SubscriptionSettings
  readonly admission: Admission
  readonly persisted: PersistedOperations
  /** Returns the addresses of a subgraph that has several instances; undefined for one that has the graph's address. */
  readonly instancesOf: (name: string) => readonly string[] | undefined
  readonly logger: Logger
}

type RunningSubscription = Subscriber & { readonly subscription: SharedSubscription }

type State = EngineOptions & {
  /** By all that makes two subscriptions equal. */
  readonly running: Map<string, RunningSubscription>
  readonly observer: OperationObserver
  readonly metrics: SubscriptionMetrics
}

/**
 * Subscriptions that are equal in text, variables and all that is forwarded in their callers' names share one source, and
 * each event is executed once. When another graph is served they continue on it where they are valid in it, and on the
 * previous one where they are not. Disposing stops following the graphs that are served from then on.
 */
export function createEngine(options: EngineOptions): OperationExecutor & Disposable {
  const { service, current, logger } = options
  const observer = observeOperations(service)
  const state: State = {
    ...options,
    running: new Map(),
    observer,
    metrics: createSubscriptionMetrics(service),
  }
  const stopListening = current.onReplace(graph => void replanAll(state, graph))
  return {
    start: (request, session) => startOperation(state, request, session),
    keepHeaders: forwardableHeaders,
    format(error, { requestId }) {
      if (error instanceof FormattedError) return error.formatted
      if (error instanceof GraphQLError || isExecutionError(error))
        return createErrorFormatter({ requestId, logger })(error)
      return formatError(error, { requestId, logger })
    },
    [Symbol.dispose]: stopListening,
  }
}

/** Replans one after the other, so that what clients ask meanwhile is planned as well. */
async function replanAll(state: State, graph: Graph): Promise<void> {
  for (const one of [...state.running.values()]) {
    if (state.current.get() !== graph) return // a newer graph is served, on which all are planned
    await replan(state, one)
  }
}

async function replan(state: State, running: RunningSubscription): Promise<void> {
  const { current, logger } = state
  const lease = current.lease()
  let plan: SubscriptionPlan | PlanRefusal | undefined
  try {
    plan = await planOn(state, lease, running)
  } catch (error) {
    logger.warn({ err: error }, 'planning a subscription on the new graph failed')
  }
  if (plan === undefined || 'errors' in plan) {
    lease[Symbol.dispose]()
    const operation = running.operation.operationName
    logger.warn(
      { operation },
      'a subscription is not valid on the new graph, it continues on the previous one',
    )
  } else if (current.get() === lease.graph) running.subscription.replan(plan)
  else plan[Symbol.dispose]() // a newer graph is being planned on
}

/** Returns undefined for what is no subscription. A plan takes the lease over. */
async function planOn(
  { settings, instancesOf }: State,
  lease: GraphLease,
  { operation, caller }: Subscriber,
): Promise<SubscriptionPlan | PlanRefusal | undefined> {
  const { query, operationName, variables } = operation
  const prepared = await lease.graph.operations.prepare(query, operationName, caller().claims)
  if ('errors' in prepared || prepared.kind !== 'subscription') return undefined
  return planSubscription(prepared, { lease, settings, instancesOf, variables })
}

async function startOperation(
  state: State,
  request: GraphqlRequest,
  session: LiveSession,
): Promise<StartedOperation> {
  const { admission, current } = state
  const operation = operationIn(request, state.persisted)
  const subscriber = { operation, caller: callerOf(request, session) }
  const lease = current.lease()
  let plan: SubscriptionPlan | PlanRefusal | undefined
  try {
    const refusal = await admitSubscription(admission, lease, subscriber)
    if (refusal) throw [refusal]
    plan = await planOn(state, lease, subscriber)
    if (plan === undefined) return await executeOnce(state, lease, subscriber)
  } finally {
    if (plan === undefined || 'errors' in plan) lease[Symbol.dispose]()
  }
  if ('errors' in plan) throw plan.errors
  return join(state, { plan, lease }, subscriber)
}

/** Executes a query or mutation, which has one response. */
async function executeOnce(
  { admission, logger, observer }: State,
  { graph }: GraphLease,
  { operation, caller }: Subscriber,
): Promise<StartedOperation> {
  const sender = caller()
  const metadata = emptyMetadata()
  const format = createErrorFormatter({ requestId: sender.requestId, logger })
  const context = { graph, format, metadata, observer, admission }
  const { text, outcome } = await runOperation(context, operation, sender)
  if (outcome === 'refused') throw errorsIn(text)
  const result = encodeResultText(addExtensions(text, metadata))
  return { source: singleItem(result), resultOf: () => result, shareKey: undefined }
}

type Leased = { readonly plan: SubscriptionPlan; readonly lease: GraphLease }

/** Joins an equal subscription, or starts one. Throws UNAVAILABLE when too many different ones run. */
function join(state: State, { plan, lease }: Leased, subscriber: Subscriber): StartedOperation {
  const { current, observer, running, settings } = state
  const { operation, caller } = subscriber
  const forwarded = () => forwardedHeaders(caller(), operation.traceparent)
  const key = keyOf(lease, operation, forwarded())
  const found = running.get(key)
  if (found) plan[Symbol.dispose]()
  else if (running.size >= settings.followed) {
    plan[Symbol.dispose]()
    throw new CallerError('UNAVAILABLE', 'too many different subscriptions are followed: try again')
  }
  const { name, kind } = plan.operation
  void observer.run(async () => ({ text: '', outcome: 'ok', name, kind }), operation.traceparent)
  const joined = found ?? startShared(state, { plan, key }, subscriber)
  if (!found && current.get() !== lease.graph) void replan(state, joined) // it was replaced while this was planned
  const source = endWhenRightsChange(joined.subscription.join(forwarded), subscriber, current)
  return { source, resultOf: asResult, shareKey: undefined }
}

function startShared(
  { upstreams, logger, metrics, running, settings }: State,
  { plan, key }: { readonly plan: SubscriptionPlan; readonly key: string },
  subscriber: Subscriber,
): RunningSubscription {
  const started: RunningSubscription = {
    ...subscriber,
    subscription: startSubscription(plan, {
      upstreams,
      settings,
      logger,
      metrics,
      createFormat: () => createErrorFormatter({ requestId: subscriber.caller().requestId, logger }),
      onEnd: () => {
        if (running.get(key) === started) running.delete(key)
      },
    }),
  }
  running.set(key, started)
  return started
}

/** Carries an error that is formatted already. */
class FormattedError extends Error {
  readonly formatted: GraphQLFormattedError

  constructor(formatted: GraphQLFormattedError) {
    super(formatted.message)
    this.formatted = formatted
  }
}

function errorsIn(text: string): FormattedError[] {
  const { errors }: { errors: GraphQLFormattedError[] } = JSON.parse(text)
  return errors.map(error => new FormattedError(error))
}

function isExecutionError(error: unknown): error is ExecutionError {
  return (
    isObject(error) &&
    !(error instanceof Error) &&
    typeof error.message === 'string' &&
    isObject(error.extensions)
  )
}

/** Throws like `PersistedOperations.resolve`. */
function operationIn(request: GraphqlRequest, persisted: PersistedOperations): OperationRequest {
  return {
    query: persisted.resolve(request),
    operationName: request.operationName,
    variables: request.variables ?? {},
    traceparent: traceparentIn(request),
    queriesOnly: request.readOnly === true,
  }
}

/** Returns the caller as it is at each call, since tokens are refreshed. */
function callerOf({ extensions }: GraphqlRequest, session: LiveSession): () => RequestContext {
  const own = extensions?.[CONSISTENCY_HEADER]
  const required = formatToken(
    mergePositions(
      session.required,
      requiredPositions(session.caller, typeof own === 'string' ? own : undefined),
    ),
  )
  return () => ({
    headers: session.headers,
    address: session.address,
    requestId: session.requestId,
    token: session.caller.token,
    claims: session.caller.verified?.claims,
    required,
  })
}

/** Covers the token and all that is forwarded to any subgraph, since the rest of the plan may fetch from all of them. */
function keyOf(
  { graph }: GraphLease,
  { query, operationName, variables }: OperationRequest,
  forwarded: ForwardedHeaders,
): string {
  const goesOut = new Set([...graph.subgraphs.values()].map(subgraph => subgraph.forward(forwarded).key))
  const all = JSON.stringify([query, operationName, variables, forwarded.key, ...goesOut])
  return hash('sha256', all, 'base64') // texts may be long, and tokens are secret
}

/** Keeps all that a header rule may forward, and drops what is about the connection alone. */
function forwardableHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith('sec-') && name !== 'upgrade'),
  )
}

function asResult(item: unknown): EncodedResult {
  if (!isResult(item)) throw new TypeError('a shared subscription gave something else than a result')
  return item
}

function isResult(item: unknown): item is EncodedResult {
  return isObject(item) && Buffer.isBuffer(item.closed)
}
