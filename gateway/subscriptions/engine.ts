// Executes what comes over live connections: subscriptions shared by all who want the same, anything else as over HTTP.
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { ExecutionError } from '#gateway/executor/execution.ts'
import type { CurrentGraph, GraphLease } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import { observeOperations } from '#gateway/observe/operations.ts'
import type { Admission } from '#gateway/pipeline/admission.ts'
import { createErrorFormatter } from '#gateway/pipeline/error-format.ts'
import { forwardedHeaders, type RequestContext } from '#gateway/pipeline/request-context.ts'
import { emptyMetadata } from '#gateway/pipeline/response-metadata.ts'
import { type OperationRequest, runOperation } from '#gateway/pipeline/run-operation.ts'
import { admitSubscription } from '#gateway/subscriptions/admit.ts'
import { endWhenRightsChange } from '#gateway/subscriptions/allowed.ts'
import { addExtensions } from '#gateway/subscriptions/notes.ts'
import type { SubscriptionSettings } from '#gateway/subscriptions/settings.ts'
import { type SharedSubscription, startSubscription } from '#gateway/subscriptions/shared-subscription.ts'
import { createSubscriptionMetrics } from '#gateway/subscriptions/subscription-metrics.ts'
import {
  type PlanRefusal,
  planSubscription,
  type SubscriptionPlan,
} from '#gateway/subscriptions/subscription-plan.ts'
import type { Connect } from '#gateway/subscriptions/upstream/upstream.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { requiredPositions } from '#platform/graphql/caller.ts'
import { memberTraceparent } from '#platform/graphql/endpoint/batch.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { type EncodedResult, encodeResultText } from '#platform/graphql/live-server/encoded-results.ts'
import type { StartedOperation } from '#platform/graphql/live-server/execution.ts'
import type { LiveExecutor } from '#platform/graphql/live-server/live-server.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import { singleItem } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type EngineOptions = {
  readonly service: string
  readonly current: CurrentGraph
  readonly connect: (protocol: SubscriptionPlan['endpoint']['protocol']) => Connect
  readonly settings: SubscriptionSettings
  readonly admission?: Admission | undefined
  readonly persisted?: PersistedOperations | undefined
  /** Where a subgraph has several addresses; undefined where it has the one of the graph. */
  readonly instancesOf: (name: string) => readonly string[] | undefined
  readonly logger: Logger
}

type Claims = RequestContext['claims']
type Running = {
  readonly subscription: SharedSubscription
  readonly asked: OperationRequest
  readonly sender: () => RequestContext
}

/** Disposing stops following the graphs that are served from then on. */
export type GatewayEngine = LiveExecutor & Disposable

/**
 * Subscriptions that are equal in text, variables and all that goes out in their callers' names are one: its events are
 * followed once and answered once. They go on when another graph is served: by it where they are valid in it, and by
 * the one before where they are not.
 */
export function createEngine(options: EngineOptions): GatewayEngine {
  const { admission, current, logger, persisted, settings, connect, instancesOf } = options
  const running = new Map<string, Running>()
  const observer = observeOperations(options.service)
  const seen = createSubscriptionMetrics(options.service)
  const stopListening = current.onReplace(graph => void replanAll(graph))

  /** One after the other: what clients ask meanwhile is to be planned as well. */
  async function replanAll(graph: Graph): Promise<void> {
    for (const one of [...running.values()]) {
      if (current.get() !== graph) return // a newer one is served, and all are planned on that
      await replan(one)
    }
  }

  async function replan({ subscription, asked, sender }: Running): Promise<void> {
    const inUse = current.lease()
    let plan: Awaited<ReturnType<typeof planOn>>
    try {
      plan = await planOn(inUse, asked, sender())
    } catch (error) {
      logger.warn({ err: error }, 'a subscription could not be planned anew')
    }
    if (plan === undefined || 'errors' in plan) {
      inUse[Symbol.dispose]()
      logger.warn({ operation: asked.operationName }, 'a subscription goes on by the graph before')
    } else if (current.get() === inUse.graph) subscription.replan(plan)
    else plan[Symbol.dispose]() // a newer one is being planned on
  }

  /** Undefined for what is no subscription. Takes `inUse` over when it gives a plan. */
  async function planOn(
    inUse: GraphLease,
    asked: OperationRequest,
    sender: RequestContext,
  ): Promise<SubscriptionPlan | PlanRefusal | undefined> {
    const prepared = await inUse.graph.operations.prepare(asked.query, asked.operationName, sender.claims)
    if ('errors' in prepared || prepared.kind !== 'subscription') return undefined
    return planSubscription(prepared, { inUse, settings, instancesOf, variables: asked.variables })
  }

  function follow(
    plan: SubscriptionPlan,
    key: string,
    { asked, sender }: Omit<Running, 'subscription'>,
  ): Running {
    const started: Running = {
      asked,
      sender,
      subscription: startSubscription(plan, {
        connect,
        settings,
        logger,
        seen,
        createFormat: () => createErrorFormatter({ requestId: sender().requestId, logger }),
        over: () => {
          if (running.get(key) === started) running.delete(key)
        },
      }),
    }
    running.set(key, started)
    return started
  }

  async function answerOnce(
    inUse: GraphLease,
    asked: OperationRequest,
    sender: RequestContext,
  ): Promise<StartedOperation> {
    const metadata = emptyMetadata()
    const format = createErrorFormatter({ requestId: sender.requestId, logger })
    const { text, outcome } = await runOperation(
      { graph: inUse.graph, format, metadata, observer, admission },
      asked,
      sender,
    )
    if (outcome === 'refused' || outcome === 'not a query') throw toldIn(text)
    const answer = encodeResultText(addExtensions(text, metadata))
    return { source: singleItem(answer), resultOf: () => answer, shareKey: undefined }
  }

  /** Whether a token that came meanwhile allows other parts of the operation than the one before. */
  function rightsChange(
    asked: OperationRequest,
    sender: () => RequestContext,
  ): () => boolean | Promise<boolean> {
    let known = sender().claims
    return () => {
      const { claims } = sender()
      if (claims === known) return false
      return differs(asked, known, claims).then(different => {
        known = claims
        return different
      })
    }
  }

  /** Operations are prepared once for all who may see the same of them. */
  async function differs(
    { query, operationName }: OperationRequest,
    one: Claims,
    other: Claims,
  ): Promise<boolean> {
    using inUse = current.lease()
    const { operations } = inUse.graph
    const [before, now] = await Promise.all(
      [one, other].map(claims => operations.prepare(query, operationName, claims)),
    )
    return before !== now || now === undefined || 'errors' in now
  }

  async function start(request: GraphqlRequest, session: LiveSession): Promise<StartedOperation> {
    const asked = askedBy(request, persisted)
    const sender = senderOf(request, session)
    const inUse = current.lease()
    let plan: Awaited<ReturnType<typeof planOn>>
    try {
      const refusal = await admitSubscription(admission, inUse, { asked, sender: sender() })
      if (refusal) throw [refusal]
      plan = await planOn(inUse, asked, sender())
      if (plan === undefined) return await answerOnce(inUse, asked, sender())
    } finally {
      if (plan === undefined || 'errors' in plan) inUse[Symbol.dispose]()
    }
    if ('errors' in plan) throw plan.errors
    const { name, kind } = plan.named
    const forwarded = () => forwardedHeaders(sender(), asked.traceparent)
    const key = keyOf(inUse, asked, forwarded())
    const found = running.get(key)
    if (found) plan[Symbol.dispose]()
    else if (running.size >= settings.followed) {
      plan[Symbol.dispose]()
      throw new CallerError('UNAVAILABLE', 'too many different subscriptions are followed: try again')
    }
    void observer.run(async () => ({ text: '', outcome: 'ok', name, kind }), asked.traceparent)
    const joined = found ?? follow(plan, key, { asked, sender })
    const { subscription } = joined
    if (!found && current.get() !== inUse.graph) void replan(joined) // it was replaced while this was planned
    const source = endWhenRightsChange(subscription.join(forwarded), rightsChange(asked, sender))
    return { source, resultOf: asAnswer, shareKey: undefined }
  }

  return {
    start,
    keepHeaders,
    format(error, { requestId }) {
      if (error instanceof Told) return error.formatted
      const format = createErrorFormatter({ requestId, logger })
      if (error instanceof GraphQLError || isExecutionError(error)) return format(error)
      return formatError(error, { requestId, logger })
    },
    [Symbol.dispose]: stopListening,
  }
}

/** Errors as the caller gets them. */
class Told extends Error {
  readonly formatted: GraphQLFormattedError

  constructor(formatted: GraphQLFormattedError) {
    super(formatted.message)
    this.formatted = formatted
  }
}

function toldIn(text: string): Told[] {
  const { errors }: { errors: GraphQLFormattedError[] } = JSON.parse(text)
  return errors.map(error => new Told(error))
}

function isExecutionError(error: unknown): error is ExecutionError {
  return (
    isObject(error) &&
    !(error instanceof Error) &&
    typeof error.message === 'string' &&
    isObject(error.extensions)
  )
}

/** Throws as `PersistedOperations.resolve`. */
function askedBy(request: GraphqlRequest, persisted: PersistedOperations | undefined): OperationRequest {
  return {
    query: persisted?.resolve(request) ?? request.query ?? '',
    operationName: request.operationName,
    variables: request.variables ?? {},
    traceparent: memberTraceparent(request),
    queriesOnly: request.readOnly === true,
  }
}

/** As it is whenever it is called: tokens are refreshed. */
function senderOf({ extensions }: GraphqlRequest, session: LiveSession): () => RequestContext {
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

/** The token, and whatever goes out to any subgraph: the rest of the plan may ask all of them. */
function keyOf(
  { graph }: GraphLease,
  { query, operationName, variables }: OperationRequest,
  forwarded: ForwardedHeaders,
): string {
  const goesOut = new Set([...graph.subgraphs.values()].map(subgraph => subgraph.forward(forwarded).key))
  const all = JSON.stringify([query, operationName, variables, forwarded.key, ...goesOut])
  return hash('sha256', all, 'base64') // texts may be long, and tokens are nobody's business
}

/** All that a header rule may forward; what is about the connection alone goes. */
function keepHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith('sec-') && name !== 'upgrade'),
  )
}

function asAnswer(item: unknown): EncodedResult {
  if (!isAnswer(item)) throw new TypeError('a running subscription gives answers')
  return item
}

function isAnswer(item: unknown): item is EncodedResult {
  return isObject(item) && Buffer.isBuffer(item.closed)
}
