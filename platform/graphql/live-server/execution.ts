// Executes an operation of a live connection: checks it, makes its context and source, and encodes the result of each item.
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLFormattedError,
  type OperationDefinitionNode,
} from 'graphql'
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { requiredPositions } from '#platform/graphql/caller.ts'
import { createRequestContext, type RequestContext, traceparentIn } from '#platform/graphql/context.ts'
import { fragmentsOf } from '#platform/graphql/documents/fragments.ts'
import { costOf, costProblem } from '#platform/graphql/documents/selection-cost.ts'
import { MAX_VARIABLE_ERRORS } from '#platform/graphql/documents/variable-values.ts'
import { formatError } from '#platform/graphql/errors.ts'
import {
  type EncodedResult,
  encodeResult,
  type MaybePromise,
} from '#platform/graphql/live-server/encoded-results.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'
import {
  type CheckedDocument,
  createOperationCheck,
  type OperationCheckOptions,
  operationOf,
} from '#platform/graphql/live-server/operation-check.ts'
import { type PumpSource, singleItem } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { type OpenSpan, openSpan, validTraceparent } from '#platform/telemetry/tracing.ts'

type ExecutionOptions = OperationCheckOptions & {
  readonly service: string
  readonly logger: Logger
  readonly extend?: (base: RequestContext) => RequestContext | Promise<RequestContext>
  readonly persisted?: { resolve(request: GraphqlRequest): string }
}

export type StartedOperation = PumpSource & {
  /** Equal for operations that see the same in an item; undefined when no other operation does. */
  readonly shareKey: string | undefined
}

export type OperationExecutor = {
  /** Throws an error, or an array of them, when the operation cannot be run. */
  start(request: GraphqlRequest, session: LiveSession): Promise<StartedOperation>
  format(error: unknown, session: LiveSession): GraphQLFormattedError
}

type PreparedOperation = {
  readonly checked: CheckedDocument
  readonly operation: OperationDefinitionNode
  /** Without its text, which may be long and is shared by many. */
  readonly request: Omit<GraphqlRequest, 'query'>
  readonly session: LiveSession
}

type Executor = {
  readonly options: ExecutionOptions
  readonly check: ReturnType<typeof createOperationCheck>
  readonly count: ReturnType<typeof createOperationCounter>
}

/** An operation, and the span that its first context belongs to. */
type Execution = {
  readonly options: ExecutionOptions
  readonly prepared: PreparedOperation
  readonly span: OpenSpan | undefined
}

export function createOperationExecutor(options: ExecutionOptions): OperationExecutor {
  const executor: Executor = {
    options,
    check: createOperationCheck(options),
    count: createOperationCounter(options.service),
  }
  return {
    format: (error, session) => format(error, session, options),
    start: (request, session) => start(executor, request, session),
  }
}

async function start(
  executor: Executor,
  request: GraphqlRequest,
  session: LiveSession,
): Promise<StartedOperation> {
  const prepared = await prepare(executor, request, session)
  const span = openSpan('live operation', { kind: 'server', parent: traceparentIn(request) })
  const execution = { options: executor.options, prepared, span }
  const run = () =>
    prepared.operation.operation === 'subscription' ? startStream(execution) : executeOnce(execution)
  return span === undefined ? run() : withinSpan(span, run)
}

async function prepare(
  { options, check, count }: Executor,
  request: GraphqlRequest,
  session: LiveSession,
): Promise<PreparedOperation> {
  const checked = await check(request, options.persisted?.resolve(request) ?? request.query ?? '')
  const found = 'errors' in checked ? undefined : operationOf(checked, request.operationName)
  const operation = found instanceof GraphQLError ? undefined : found
  count({ name: operation?.name?.value, kind: operation?.operation, outcome: operation ? 'ok' : 'error' })
  if ('errors' in checked) throw checked.errors
  if (operation === undefined) throw found
  if (request.readOnly && operation.operation === 'mutation')
    throw new CallerError('BAD_USER_INPUT', 'a mutation cannot be sent by GET')
  const tooCostly = costError(options, { document: checked.document, operation, request })
  if (tooCostly) throw tooCostly
  const { query: _query, ...rest } = request
  return { checked, operation, request: rest, session }
}

/** Executes a query or a mutation. Its consistency is reported in `extensions`, as HTTP does in headers. */
async function executeOnce(execution: Execution): Promise<StartedOperation> {
  const contextValue = await createContext(execution)
  const result = withConsistency(await execute(argsOf(execution, contextValue)), contextValue)
  return { source: singleItem(result), resultOf: () => encode(execution, result), shareKey: undefined }
}

async function startStream(execution: Execution): Promise<StartedOperation> {
  const { prepared } = execution
  const stream = await createSourceEventStream(argsOf(execution, await createContext(execution)))
  if (!(Symbol.asyncIterator in stream))
    return { source: singleItem(stream), resultOf: () => encode(execution, stream), shareKey: undefined }
  const perItem: Execution = { ...execution, span: undefined }
  return {
    source: stream[Symbol.asyncIterator](),
    resultOf: item => {
      const context = createContext(perItem)
      return context instanceof Promise
        ? context.then(made => executeItem(perItem, item, made))
        : executeItem(perItem, item, context)
    },
    shareKey: shareKeyOf(prepared, audienceOf(stream)),
  }
}

function executeItem(
  execution: Execution,
  item: unknown,
  contextValue: RequestContext,
): MaybePromise<EncodedResult> {
  const result = execute({ ...argsOf(execution, contextValue), rootValue: item })
  return result instanceof Promise
    ? result.then(done => encode(execution, done, item))
    : encode(execution, result, item)
}

/** Each execution has a context of its own: loaders must not remember what an earlier item showed. */
function createContext({ options, prepared, span }: Execution): MaybePromise<RequestContext> {
  const base = createLiveContext(prepared.request, prepared.session, span)
  return options.extend === undefined ? base : options.extend(base)
}

function argsOf(
  { options, prepared: { checked, request } }: Execution,
  contextValue: RequestContext,
): ExecutionArgs {
  return {
    schema: options.schema,
    document: checked.document,
    operationName: request.operationName ?? null,
    variableValues: request.variables ?? null,
    contextValue,
    options: { maxCoercionErrors: MAX_VARIABLE_ERRORS },
    hideSuggestions: !options.development,
  }
}

function encode(
  { options, prepared: { session } }: Execution,
  result: ExecutionResult,
  item?: unknown,
): EncodedResult {
  const { errors, ...rest } = result
  if (errors === undefined) return encodeResult(result, item)
  return encodeResult({ errors: errors.map(error => format(error, session, options)), ...rest }, item)
}

function format(
  error: unknown,
  { requestId }: LiveSession,
  { logger }: ExecutionOptions,
): GraphQLFormattedError {
  return formatError(error, { requestId, logger })
}

type PricedOperation = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly request: GraphqlRequest
}

function costError(
  { schema, maxCost }: ExecutionOptions,
  { document, operation, request }: PricedOperation,
): CallerError | undefined {
  if (maxCost === undefined) return undefined
  const fragments = fragmentsOf(document)
  return costProblem(costOf({ schema, operation, fragments, variables: request.variables ?? {} }), maxCost)
}

/** A subscription's span ends when it is set up: one that lasted would be exported only at its end. */
async function withinSpan<T>(span: OpenSpan, work: () => Promise<T>): Promise<T> {
  try {
    const result = await span.run(work)
    span.end()
    return result
  } catch (error) {
    span.end({ error })
    throw error
  }
}

/** Its `token` stays the current one of the connection. */
function createLiveContext(
  request: PreparedOperation['request'],
  session: LiveSession,
  span: OpenSpan | undefined,
): RequestContext {
  const header = request.extensions?.[CONSISTENCY_HEADER]
  const required = requiredPositions(session.caller, typeof header === 'string' ? header : undefined)
  const context = createRequestContext({
    viewer: session.caller.verified?.viewer,
    token: session.caller.token,
    requestId: session.requestId,
    language: session.language,
    traceparent: span?.traceparent ?? validTraceparent(traceparentIn(request)),
    required: mergePositions(session.required, required),
    address: session.address,
  })
  return Object.defineProperty(context, 'token', { enumerable: true, get: () => session.caller.token })
}

function withConsistency(result: ExecutionResult, { consistency }: RequestContext): ExecutionResult {
  const seen = formatToken(consistency.seen)
  const { stale } = consistency
  if (seen === '' && stale.length === 0) return result
  const reported = { ...(seen !== '' && { [CONSISTENCY_HEADER]: seen }), ...(stale.length > 0 && { stale }) }
  return { ...result, extensions: { ...result.extensions, ...reported } }
}

function audienceOf(stream: object): string | undefined {
  return 'audience' in stream && typeof stream.audience === 'string' ? stream.audience : undefined
}

function shareKeyOf(
  { checked, request, session }: PreparedOperation,
  audience: string | undefined,
): string | undefined {
  if (audience === undefined) return undefined
  const { after: _after, ...others } = request.variables ?? {}
  const variables = checked.usesAfterOnlyToStart ? others : request.variables
  return JSON.stringify([
    checked.number,
    request.operationName ?? null,
    session.language ?? null,
    audience,
    variables ?? {},
  ])
}
