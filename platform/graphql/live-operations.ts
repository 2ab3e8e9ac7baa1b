// Operations on a live connection: parsed and checked once per text, run with a context, their errors formatted.
import {
  type ASTVisitor,
  type DocumentNode,
  type ExecutionArgs,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  subscribe,
  type ValidationContext,
  validate,
} from 'graphql'
import type { Context, ServerOptions, SubscribePayload } from 'graphql-ws'
import { LRUCache } from 'lru-cache'
import { memberTraceparent } from '#platform/graphql/batch.ts'
import { CONSISTENCY_HEADER, parseToken } from '#platform/graphql/consistency.ts'
import { createRequestContext, type RequestContext } from '#platform/graphql/context.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { DEFAULT_LIMITS, limitRule, type OperationLimits } from '#platform/graphql/limits.ts'
import type { LiveOptions } from '#platform/graphql/live-endpoint.ts'
import type { LiveExtra, LiveSession } from '#platform/graphql/live-sessions.ts'
import { createOperationCounter } from '#platform/graphql/observe.ts'
import { type OpenSpan, openSpan, parseTraceparent } from '#platform/telemetry/tracing.ts'

type Hooks = Pick<
  ServerOptions<Record<string, unknown>, LiveExtra>,
  'onSubscribe' | 'onNext' | 'onError' | 'execute' | 'subscribe'
>
type Run = NonNullable<Hooks['execute']>
type LiveContext = Context<Record<string, unknown>, LiveExtra>
type Checked = { readonly document: DocumentNode } | { readonly errors: readonly GraphQLError[] }

const MAX_DOCUMENTS = 1000
const MAX_OPERATIONS = 50
/** Of operations that are prepared and not yet run, by their contexts. */
const spans = new WeakMap<object, OpenSpan>()

export function createLiveOperations(service: string, options: LiveOptions): Hooks {
  const check = createCheck(options)
  const count = createOperationCounter(service)
  const format = (context: LiveContext, error: GraphQLError) =>
    formatError(error, { requestId: context.extra.session?.requestId ?? 'none', logger: options.logger })
  return {
    async onSubscribe(context, _id, payload) {
      const { session } = context.extra
      if (session === undefined) return [new GraphQLError('The connection is not open.')]
      const prepared = await prepare({ session, context, payload, check, options })
      const failed = Array.isArray(prepared)
      const ast = failed ? undefined : getOperationAST(prepared.document, payload.operationName)
      count({ name: ast?.name?.value, kind: ast?.operation, outcome: failed ? 'error' : 'ok' })
      return prepared
    },
    async onNext(context, _id, _payload, _args, { data, errors, extensions }) {
      if (!errors) return undefined
      return {
        errors: errors.map(error => format(context, asGraphQLError(error))),
        ...(data !== undefined && { data }),
        ...(extensions && { extensions }),
      }
    },
    onError: (context, _id, _payload, errors) => errors.map(error => format(context, asGraphQLError(error))),
    execute: withinSpan(execute),
    subscribe: withinSpan(subscribe),
  }
}

type Preparation = {
  readonly session: LiveSession
  readonly context: LiveContext
  readonly payload: SubscribePayload
  readonly check: (text: string) => Checked
  readonly options: LiveOptions
}

async function prepare(preparation: Preparation): Promise<ExecutionArgs | GraphQLError[]> {
  const { context, payload, check, options } = preparation
  if (Object.keys(context.subscriptions).length > MAX_OPERATIONS) return [tooMany()]
  const checked = check(payload.query)
  if ('errors' in checked) return [...checked.errors]
  const span = openSpan('live operation', { kind: 'server', parent: memberTraceparent(payload) })
  try {
    const base = liveContext(preparation, span)
    const contextValue = options.extend === undefined ? base : await options.extend(base)
    if (span) spans.set(contextValue, span)
    return {
      schema: options.schema,
      document: checked.document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? null,
      contextValue,
    }
  } catch (error) {
    span?.end({ error })
    return [new GraphQLError('context', { originalError: error instanceof Error ? error : null })]
  }
}

function tooMany(): GraphQLError {
  return new GraphQLError(`a connection has at most ${MAX_OPERATIONS} operations at a time`, {
    extensions: { code: 'RATE_LIMITED' },
  })
}

/** The span of a subscription ends when it is set up: one that lasts would be told of only at its end. */
function withinSpan(run: Run): Run {
  return async args => {
    const { contextValue } = args
    const span =
      typeof contextValue === 'object' && contextValue !== null ? spans.get(contextValue) : undefined
    if (span === undefined) return run(args)
    try {
      const result = await span.run(() => run(args))
      span.end()
      return result
    } catch (error) {
      span.end({ error })
      throw error
    }
  }
}

function liveContext({ session, context, payload }: Preparation, span: OpenSpan | undefined): RequestContext {
  const required = payload.extensions?.[CONSISTENCY_HEADER]
  const parent = memberTraceparent(payload)
  const made = createRequestContext({
    viewer: session.caller.verified?.viewer,
    token: session.caller.token,
    requestId: session.requestId,
    language: context.extra.request.headers['accept-language'],
    traceparent: span?.traceparent ?? (parent && parseTraceparent(parent) ? parent : undefined),
    required: parseToken(typeof required === 'string' ? required : undefined),
  })
  return Object.defineProperty(made, 'token', { enumerable: true, get: () => session.caller.token })
}

/** Parses and validates a text once, however many subscribe with it. */
function createCheck({ schema, development, limits }: LiveOptions): (text: string) => Checked {
  const known = new LRUCache<string, Checked>({ max: MAX_DOCUMENTS })
  const all = { ...DEFAULT_LIMITS, ...limits }
  const rules = [...specifiedRules, limitRule(all), ...(development ? [] : [NoSchemaIntrospectionCustomRule])]
  return text => {
    const found = known.get(text)
    if (found) return found
    const checked = checkText(text, { schema, rules, limits: all })
    known.set(text, checked)
    return checked
  }
}

type Rules = {
  readonly schema: GraphQLSchema
  readonly rules: readonly ((context: ValidationContext) => ASTVisitor)[]
  readonly limits: OperationLimits
}

function checkText(text: string, { schema, rules, limits }: Rules): Checked {
  try {
    const document = parse(text, { maxTokens: limits.tokens })
    const errors = validate(schema, document, rules)
    return errors.length > 0 ? { errors: errors.map(invalid) } : { document }
  } catch (error) {
    return { errors: [invalid(asGraphQLError(error))] }
  }
}

function invalid(error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    extensions: { code: 'BAD_USER_INPUT' },
  })
}

function asGraphQLError(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) return error
  return new GraphQLError('error', {
    originalError: error instanceof Error ? error : new Error(String(error)),
  })
}
