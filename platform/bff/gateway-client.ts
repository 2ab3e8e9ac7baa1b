// The one thing a BFF calls: the gateway, with typed operations, in the caller's name or in the BFF's own.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { type DocumentNode, Kind, OperationTypeNode, print } from 'graphql'
import { createGraphqlClient } from '#platform/graphql/client.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/graphql/consistency.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { createPolicy } from '#platform/resilience/policy.ts'

export type GatewayClient = AsyncDisposable & {
  /** In the caller's name. What the gateway's services reached is noted in `context`, for the caller's next query. */
  run<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<Data>
  /** In the BFF's own name, seeing everything: whoever gets the answer is authorised on its value. */
  runAsService<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    positions: Readonly<Record<string, number>>,
  ): Promise<Data>
  health(): 'closed' | 'open' | 'half-open'
}

/** Longer than the longest that a command may wait for its outcome (settleWithinMs, ten seconds). */
const GATEWAY_TIMEOUT_MS = 20_000

export function createGatewayClient(options: {
  readonly url: string
  readonly serviceToken: () => Promise<string>
}): GatewayClient {
  const policy = createPolicy({
    name: 'gateway',
    timeoutMs: GATEWAY_TIMEOUT_MS,
    retries: 2,
    concurrency: 1000,
    queue: 2000,
  })
  const client = createGraphqlClient({ url: options.url, policy, batching: false })
  return {
    async run(document, variables, context) {
      const { data, consistency } = await client.request<ResultOf<typeof document>>({
        ...textOf(document),
        variables,
        headers: headersFor(context),
      })
      for (const [service, position] of Object.entries(consistency))
        context.consistency.reached(service, position)
      return data
    },
    async runAsService(document, variables, positions) {
      const headers = {
        authorization: `Bearer ${await options.serviceToken()}`,
        [CONSISTENCY_HEADER]: formatToken(positions),
      }
      const { data } = await client.request<ResultOf<typeof document>>({
        ...textOf(document),
        variables,
        headers,
      })
      return data
    },
    health: () => policy.health(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

type ResultOf<Document> = Document extends TypedDocumentNode<infer Data, infer _Variables> ? Data : never

function headersFor({ token, requestId, consistency }: RequestContext): Record<string, string> {
  return {
    'x-request-id': requestId,
    ...(token && { authorization: `Bearer ${token}` }),
    [CONSISTENCY_HEADER]: formatToken(consistency.required),
  }
}

type OperationText = { readonly document: string; readonly idempotent: boolean }
const texts = new WeakMap<DocumentNode, OperationText>()

/** Printed once per document. Queries may be sent again after a fault; a mutation's caller decides, by its key. */
function textOf(document: DocumentNode): OperationText {
  const known = texts.get(document)
  if (known) return known
  const isQuery = document.definitions.some(
    part => part.kind === Kind.OPERATION_DEFINITION && part.operation === OperationTypeNode.QUERY,
  )
  const text = { document: print(document), idempotent: isQuery }
  texts.set(document, text)
  return text
}
