// Executes an operation of a live connection: checks it, makes its context and source, and encodes the result of each item.
import type { IncomingHttpHeaders } from 'node:http'
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql'
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import { mergePositions } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { requiredPositions } from '#platform/graphql/caller.ts'
import { createRequestContext, type RequestContext, traceparentIn } from '#platform/graphql/context.ts'
import type { OperationLimits } from '#platform/graphql/documents/limits.ts'
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
  operationOf,
} from '#platform/graphql/live-server/operation-check.ts'
import { type PumpSource, singleItem } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import type { OverloadGuard } from '#platform/resilience/overload-guard.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan, type OpenSpan, validTraceparent } from '#platform/telemetry/tracing.ts'

export type ExecutionOptions = {
  readonly service: string
  readonly logger: Logger
  readonly schema: GraphQLSchema
  /** Lets introspection through. */
  readonly development: boolean
  readonly limits?: Partial<OperationLimits>
  /** Values that an operation, or each answer of a subscription, may ask for, as estimated; any number when left out. */
  readonly maxCost?: number | undefined
  /** Returns the text of an operation that is named by its hash, and throws for one that may not run. */
  readonly persisted?: { resolve(request: GraphqlRequest): string }
  /** Refuses queries and mutations that are too much; all are executed when left out. */
  readonly guard?: OverloadGuard
}

export type StartedOperation = PumpSource & {
  /** Equal for operations that see the same in an item; undefined when no other operation does. */
  readonly shareKey: string | undefined
}

export type OperationExecutor = {
  /** Throws an error, or an array of them, when the operation cannot be run. */
  start(request: GraphqlRequest, session: LiveSession): Promise<StartedOperation>
  format(error: unknown, session: LiveSession): GraphQLFormattedError
  /** Returns the headers that it needs, which are kept as long as the connection; none when left out. */
  keepHeaders?(headers: IncomingHttpHeaders): IncomingHttpHeaders
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

/** The span of a subscription ends when it is set up: one that lasted would be exported only at its end. */
async function start(
  executor: Executor,
  request: GraphqlRequest,
  session: LiveSession,
): Promise<StartedOperation> {
  const prepared = await prepare(executor, request, session)
  const run = prepared.operation.operation === 'subscription' ? startStream : executeOnce
  return inSpan('live operation', { kind: 'server', parent: traceparentIn(request) }, span =>
    run({ options: executor.options, prepared, span }),
  )
}

async function prepare(
  { options, check, count }: Executor,
  request: GraphqlRequest,
  session: LiveSession,
): Promise<PreparedOperation> {
  const { schema, maxCost, persisted } = options
  const checked = await check(request, persisted?.resolve(request) ?? request.query ?? '')
  const found = 'errors' in checked ? undefined : operationOf(checked, request.operationName)
  const operation = found instanceof GraphQLError ? undefined : found
  count({ name: operation?.name?.value, kind: operation?.operation, outcome: operation ? 'ok' : 'error' })
  if ('errors' in checked) throw checked.errors
  if (operation === undefined) throw found
  if (request.readOnly && operation.operation === 'mutation')
    throw new CallerError('BAD_USER_INPUT', 'a mutation cannot be sent by GET')
  const { query: _query, ...rest } = request
  const { document } = checked
  const { variables } = rest
  const tooCostly =
    maxCost !== undefined && costProblem(costOf({ schema, document, operation, variables }), maxCost)
  if (tooCostly) throw tooCostly
  return { checked, operation, request: rest, session }
}

/** Executes a query or a mutation. Its consistency is reported in `extensions`, as HTTP does in headers. */
async function executeOnce(execution: Execution): Promise<StartedOperation> {
  const { options, prepared } = execution
  const contextValue = createContext(execution)
  const run = async () => execute(argsOf(execution, contextValue))
  const kind = prepared.operation.operation === 'mutation' ? 'mutation' : 'query'
  const executed = options.guard?.run(kind, { run, isServed: ({ errors }) => errors === undefined }) ?? run()
  const result = withConsistency(await executed, contextValue)
  return { source: singleItem(result), resultOf: () => encode(execution, result), shareKey: undefined }
}

async function startStream(execution: Execution): Promise<StartedOperation> {
  const { prepared } = execution
  const stream = await createSourceEventStream(argsOf(execution, createContext(execution)))
  if (!(Symbol.asyncIterator in stream))
    return { source: singleItem(stream), resultOf: () => encode(execution, stream), shareKey: undefined }
  const perItem: Execution = { ...execution, span: undefined }
  return {
    source: stream[Symbol.asyncIterator](),
    resultOf: item => executeItem(perItem, item),
    shareKey: shareKeyOf(prepared, audienceOf(stream)),
  }
}

function executeItem(execution: Execution, item: unknown): MaybePromise<EncodedResult> {
  const result = execute({ ...argsOf(execution, createContext(execution)), rootValue: item })
  return result instanceof Promise
    ? result.then(done => encode(execution, done, item))
    : encode(execution, result, item)
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

/**
 * Each execution has a context of its own: loaders must not remember what an earlier item showed. Its `token` stays the
 * current one of the connection.
 */
function createContext({ prepared: { request, session }, span }: Execution): RequestContext {
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
