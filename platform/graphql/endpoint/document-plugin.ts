// Gives Apollo Server checked documents, and reports those that are refused: Apollo would validate before it limits.
import type { ApolloServerPlugin, GraphQLRequestContext, GraphQLRequestListener } from '@apollo/server'
import { type DocumentNode, GraphQLError, type GraphQLSchema, Kind } from 'graphql'
import { CALLER_CODES, CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { DocumentCache } from '#platform/graphql/documents/document-cache.ts'
import { costOf, costProblem } from '#platform/graphql/documents/selection-cost.ts'
import { variablesProblem } from '#platform/graphql/documents/variable-values.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { withoutDefer } from '#platform/graphql/incremental/defer-directive.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type Operation = GraphQLRequestContext<RequestContext>

/** Replaces a refused document: Apollo Server finds no operation in it, and calls its plugins all the same. */
const EMPTY_DOCUMENT: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] }

type DocumentPluginOptions = {
  readonly documents: DocumentCache
  /** How many values the variables of an operation may hold. */
  readonly values: number
  readonly schema: GraphQLSchema
  /** How many values the operations of a request may ask for; any number when undefined. */
  readonly maxCost: number | undefined
  readonly logger: Logger
}

/** For a server that validates nothing itself (`dangerouslyDisableValidation`) and has no store of documents. */
export function createDocumentPlugin(options: DocumentPluginOptions): ApolloServerPlugin<RequestContext> {
  const refused = new WeakMap<RequestContext, readonly Error[]>()
  const listener: GraphQLRequestListener<RequestContext> = {
    async didResolveSource(operation) {
      const found = await documentOf(operation, options)
      if (Array.isArray(found)) refused.set(operation.contextValue, found)
      Object.assign(operation, { document: Array.isArray(found) ? EMPTY_DOCUMENT : found })
    },
    async didResolveOperation(operation) {
      const { contextValue } = operation
      const problem = subscriptionError(operation) ?? costError(operation, options)
      if (problem) refused.set(contextValue, [problem])
      const [first] = refused.get(contextValue) ?? []
      if (first) throw refusal(first)
    },
    async willSendResponse({ contextValue, response: { body } }) {
      const errors = refused.get(contextValue)
      if (errors === undefined || body.kind !== 'single') return
      const to = { requestId: contextValue.requestId, logger: options.logger }
      body.singleResult = { errors: errors.map(error => formatError(error, to)) }
    },
  }
  return { requestDidStart: async () => listener }
}

/** Returns the document, or why it may not run. */
async function documentOf(
  { source = '', request, contextValue }: Operation,
  { documents, values }: DocumentPluginOptions,
): Promise<DocumentNode | Error[]> {
  const problem = variablesProblem(request.variables, values)
  if (problem !== undefined) return [new CallerError('BAD_USER_INPUT', problem)]
  try {
    const checked = await documents(source, contextValue.budget)
    if ('errors' in checked) return [...checked.errors]
    return contextValue.partsForm ? checked.document : withoutDefer(checked.document)
  } catch (error) {
    if (error instanceof CallerError) return [error]
    throw error
  }
}

function subscriptionError({ operation }: Operation): CallerError | undefined {
  if (operation?.operation !== 'subscription') return undefined
  return new CallerError(
    'BAD_USER_INPUT',
    'A subscription is sent over WebSocket, or as an event stream to /graphql/stream.',
  )
}

function costError(
  { operation, document, request, contextValue: { budget } }: Operation,
  { schema, maxCost }: DocumentPluginOptions,
): CallerError | undefined {
  if (maxCost === undefined || !operation || !document) return undefined
  const { variables } = request
  const cost = (budget?.cost ?? 0) + costOf({ schema, document, operation, variables })
  if (budget) budget.cost = cost
  return costProblem(cost, maxCost)
}

/** Carries the HTTP status; the errors are written when the response is sent. */
function refusal(error: Error): GraphQLError {
  const code = error instanceof CallerError ? error.code : 'BAD_USER_INPUT'
  return new GraphQLError(error.message, { extensions: { code, http: { status: CALLER_CODES[code] } } })
}
