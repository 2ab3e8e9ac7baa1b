// Executes an operation of a live connection: its check, its context, its source, and the answer to each item. Free of transport.
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
import { createRequestContext, type RequestContext } from '#platform/graphql/context.ts'
import { fragmentsOf } from '#platform/graphql/documents/fragments.ts'
import { costOf, costProblem } from '#platform/graphql/documents/selection-cost.ts'
import { MAX_VARIABLE_ERRORS } from '#platform/graphql/documents/variable-values.ts'
import { memberTraceparent } from '#platform/graphql/endpoint/batch.ts'
import { formatError } from '#platform/graphql/errors.ts'
import {
  type EncodedResult,
  encodeResult,
  type MaybePromise,
} from '#platform/graphql/live-server/encoded-results.ts'
import {
  type CheckedDocument,
  createOperationCheck,
  type OperationCheckOptions,
  operationOf,
} from '#platform/graphql/live-server/operation-check.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/operation-request.ts'
import { singleItem } from '#platform/graphql/live-server/pump.ts'
import type { LiveSession } from '#platform/graphql/live-server/sessions.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { type OpenSpan, openSpan, validTraceparent } from '#platform/telemetry/tracing.ts'

export type ExecutionOptions = OperationCheckOptions & {
  readonly service: string
  readonly logger: Logger
  readonly extend?: (base: RequestContext) => RequestContext | Promise<RequestContext>
  readonly persisted?: { resolve(request: GraphqlRequest): string }
}

export type StartedOperation = {
  readonly source: AsyncIterator<unknown>
  readonly resultOf: (item: unknown) => MaybePromise<EncodedResult>
  /** Equal for operations that see the same in an item; undefined when nobody else does. */
  readonly shareKey: string | undefined
}

export type OperationExecutor = {
  /** Throws an error, or an array of them, when the operation cannot be run. */
  start(request: GraphqlRequest, session: LiveSession): Promise<StartedOperation>
  format(error: unknown, session: LiveSession): GraphQLFormattedError
}

type Prepared = {
  readonly checked: CheckedDocument
  readonly operation: OperationDefinitionNode
  /** Without its text, which may be long and is that of many. */
  readonly request: Omit<GraphqlRequest, 'query'>
  readonly session: LiveSession
}

type Run = { readonly prepared: Prepared; readonly span: OpenSpan | undefined }

export function createOperationExecutor(options: ExecutionOptions): OperationExecutor {
  const check = createOperationCheck(options)
  const count = createOperationCounter(options.service)
  const format = (error: unknown, { requestId }: LiveSession) =>
    formatError(error, { requestId, logger: options.logger })

  async function prepare(request: GraphqlRequest, session: LiveSession): Promise<Prepared> {
    const checked = await check(request, options.persisted?.resolve(request) ?? request.query ?? '')
    const operation = 'errors' in checked ? undefined : operationOf(checked, request.operationName)
    const found = operation instanceof GraphQLError ? undefined : operation
    const outcome = found ? 'ok' : 'error'
    count({ name: found?.name?.value, kind: found?.operation, outcome })
    if ('errors' in checked) throw checked.errors
    if (found === undefined) throw operation
    if (request.readOnly && found.operation === 'mutation')
      throw new CallerError('BAD_USER_INPUT', 'a mutation cannot be sent by GET')
    const costly = costlyOf(options, { document: checked.document, operation: found, request })
    if (costly) throw costly
    const { query: _query, ...rest } = request
    return { checked, operation: found, request: rest, session }
  }

  /** Of its own for each execution: loaders must not remember what an earlier item showed. */
  function contextOf({ prepared: { request, session }, span }: Run): MaybePromise<RequestContext> {
    const base = createLiveContext(request, session, span)
    return options.extend === undefined ? base : options.extend(base)
  }

  function argsOf({ checked, request }: Prepared, contextValue: RequestContext): ExecutionArgs {
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

  function encode(result: ExecutionResult, { session }: Prepared, item?: unknown): EncodedResult {
    const { errors, ...rest } = result
    if (errors === undefined) return encodeResult(result, item)
    return encodeResult({ errors: errors.map(error => format(error, session)), ...rest }, item)
  }

  async function beginOnce(run: Run): Promise<StartedOperation> {
    const contextValue = await contextOf(run)
    const result = await execute(argsOf(run.prepared, contextValue))
    const told = withConsistency(result, contextValue)
    return {
      source: singleItem(told),
      resultOf: () => encode(told, run.prepared),
      shareKey: undefined,
    }
  }

  async function beginStream(run: Run): Promise<StartedOperation> {
    const { prepared } = run
    const stream = await createSourceEventStream(argsOf(prepared, await contextOf(run)))
    if (!(Symbol.asyncIterator in stream))
      return { source: singleItem(stream), resultOf: () => encode(stream, prepared), shareKey: undefined }
    const executeItem = (item: unknown, contextValue: RequestContext): MaybePromise<EncodedResult> => {
      const result = execute({ ...argsOf(prepared, contextValue), rootValue: item })
      return result instanceof Promise
        ? result.then(done => encode(done, prepared, item))
        : encode(result, prepared, item)
    }
    const later: Run = { prepared, span: undefined }
    return {
      source: stream[Symbol.asyncIterator](),
      resultOf: item => {
        const context = contextOf(later)
        return context instanceof Promise
          ? context.then(made => executeItem(item, made))
          : executeItem(item, context)
      },
      shareKey: sharedAs(prepared, audienceOf(stream)),
    }
  }

  return {
    format,
    async start(request, session) {
      const prepared = await prepare(request, session)
      const span = openSpan('live operation', { kind: 'server', parent: memberTraceparent(request) })
      const run = { prepared, span }
      const begin = () =>
        prepared.operation.operation === 'subscription' ? beginStream(run) : beginOnce(run)
      if (span === undefined) return begin()
      return withinSpan(span, begin)
    },
  }
}

type Asked = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly request: GraphqlRequest
}

function costlyOf(
  { schema, maxCost }: ExecutionOptions,
  { document, operation, request }: Asked,
): CallerError | undefined {
  if (maxCost === undefined) return undefined
  const fragments = fragmentsOf(document)
  return costProblem(costOf({ schema, operation, fragments, variables: request.variables ?? {} }), maxCost)
}

/** The span of a subscription ends when it is set up: one that lasts would be told of only at its end. */
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

/** Its `token` stays the connection's current one. */
function createLiveContext(
  request: Prepared['request'],
  session: LiveSession,
  span: OpenSpan | undefined,
): RequestContext {
  const required = request.extensions?.[CONSISTENCY_HEADER]
  const parent = memberTraceparent(request)
  const own = requiredPositions(session.caller, typeof required === 'string' ? required : undefined)
  const made = createRequestContext({
    viewer: session.caller.verified?.viewer,
    token: session.caller.token,
    requestId: session.requestId,
    language: session.language,
    traceparent: span?.traceparent ?? validTraceparent(parent),
    required: mergePositions(session.required, own),
    address: session.address,
  })
  return Object.defineProperty(made, 'token', { enumerable: true, get: () => session.caller.token })
}

/** Tells what HTTP tells in headers. */
function withConsistency(result: ExecutionResult, { consistency }: RequestContext): ExecutionResult {
  const seen = formatToken(consistency.seen)
  const { stale } = consistency
  if (seen === '' && stale.length === 0) return result
  const told = { ...(seen !== '' && { [CONSISTENCY_HEADER]: seen }), ...(stale.length > 0 && { stale }) }
  return { ...result, extensions: { ...result.extensions, ...told } }
}

function audienceOf(stream: object): string | undefined {
  return 'audience' in stream && typeof stream.audience === 'string' ? stream.audience : undefined
}

function sharedAs({ checked, request, session }: Prepared, audience: string | undefined): string | undefined {
  if (audience === undefined) return undefined
  const { after: _after, ...others } = request.variables ?? {}
  const variables = checked.afterIsBeginning ? others : request.variables
  return JSON.stringify([
    checked.number,
    request.operationName ?? null,
    session.language ?? null,
    audience,
    variables ?? {},
  ])
}
