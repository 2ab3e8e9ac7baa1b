// Operations on a live connection: parsed and checked once per text, run with a context, their errors formatted.
import {
  type ASTVisitor,
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
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

type Hooks = Pick<ServerOptions<Record<string, unknown>, LiveExtra>, 'onSubscribe' | 'onNext' | 'onError'>
type LiveContext = Context<Record<string, unknown>, LiveExtra>
type Checked = { readonly document: DocumentNode } | { readonly errors: readonly GraphQLError[] }

const MAX_DOCUMENTS = 1000
const MAX_OPERATIONS = 50

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
  const { session, context, payload, check, options } = preparation
  if (Object.keys(context.subscriptions).length > MAX_OPERATIONS) return [tooMany()]
  const checked = check(payload.query)
  if ('errors' in checked) return [...checked.errors]
  try {
    const base = liveContext(session, payload)
    return {
      schema: options.schema,
      document: checked.document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? null,
      contextValue: options.extend === undefined ? base : await options.extend(base),
    }
  } catch (error) {
    return [new GraphQLError('context', { originalError: error instanceof Error ? error : null })]
  }
}

function tooMany(): GraphQLError {
  return new GraphQLError(`a connection has at most ${MAX_OPERATIONS} operations at a time`, {
    extensions: { code: 'RATE_LIMITED' },
  })
}

function liveContext(session: LiveSession, payload: SubscribePayload): RequestContext {
  const required = payload.extensions?.[CONSISTENCY_HEADER]
  const context = createRequestContext({
    viewer: session.caller.verified?.viewer,
    token: session.caller.token,
    requestId: session.requestId,
    traceparent: memberTraceparent(payload),
    required: parseToken(typeof required === 'string' ? required : undefined),
  })
  return Object.defineProperty(context, 'token', { enumerable: true, get: () => session.caller.token })
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
