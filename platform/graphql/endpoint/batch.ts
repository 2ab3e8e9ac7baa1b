// Executes an array of operations in one HTTP request, each with its own context and trace.
import type { ApolloServer } from '@apollo/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Verifier } from '#platform/auth/verifier.ts'
import {
  CONSISTENCY_HEADER,
  formatToken,
  parseToken,
  STALE_HEADER,
} from '#platform/consistency/consistency-token.ts'
import { mergePositions, NO_POSITIONS } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { identifyCaller } from '#platform/graphql/caller.ts'
import { type RequestContext, traceparentIn } from '#platform/graphql/context.ts'
import {
  createRequestBudget,
  type OperationLimits,
  type RequestBudget,
} from '#platform/graphql/documents/limits.ts'
import { executeOperation, type HttpResult } from '#platform/graphql/endpoint/operation-execution.ts'
import { type EncodedResponse, encodeResponse } from '#platform/http/response-body.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan, isTracing } from '#platform/telemetry/tracing.ts'

/** Services alone, or everybody, may send several operations in one request. */
export type BatchesFrom = 'services' | 'everybody'
export const BATCHES_FROM = ['services', 'everybody'] as const satisfies readonly BatchesFrom[]

type BatchSetup = {
  readonly server: ApolloServer<RequestContext>
  readonly logger: Logger
  readonly createContext: (request: FastifyRequest, parts: BatchMember) => Promise<RequestContext>
  readonly verifier: Verifier
  readonly limits: OperationLimits
  readonly batchesFrom: BatchesFrom
}

type BatchMember = { readonly member: unknown; readonly budget: RequestBudget | undefined }

type BatchRequest = {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly body: readonly unknown[]
}

/**
 * Returns the results in the order of the operations, to be sent. The status is that of the members when they agree, and 200
 * otherwise; consistency headers cover all members. The limits apply to each operation of a service, and to anybody else's
 * operations together. Throws CallerError BAD_USER_INPUT past the limit, and for a batch of a caller that may not send one.
 */
export async function executeBatch(
  setup: BatchSetup,
  { request, reply, body }: BatchRequest,
): Promise<EncodedResponse> {
  const { headers, raw } = request
  // Each member reports what is wrong with the token.
  const caller = await identifyCaller(setup.verifier, headers.authorization, raw.socket).catch(
    () => undefined,
  )
  const isService = caller?.verified?.viewer.role === 'service'
  checkBatch(body, { ...setup, isTrusted: isService || caller === undefined })
  const budget = isService ? undefined : createRequestBudget(setup.limits)
  const results = await Promise.all(body.map(member => executeMember(setup, request, { member, budget })))
  const status = results[0]?.status ?? 200
  const consistency = results
    .map(result => parseToken(result.headers.get(CONSISTENCY_HEADER)))
    .reduce(mergePositions, NO_POSITIONS)
  const stale = new Set(results.flatMap(result => result.headers.get(STALE_HEADER)?.split(',') ?? []))
  if (Object.keys(consistency).length > 0) void reply.header(CONSISTENCY_HEADER, formatToken(consistency))
  if (stale.size > 0) void reply.header(STALE_HEADER, [...stale].join(','))
  void reply.code(results.every(result => result.status === status) ? status : 200)
  return encodeResponse({
    text: `[${results.map(({ result }) => JSON.stringify(result)).join(',')}]`,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    tagged: false,
  })
}

type BatchRules = {
  readonly limits: Pick<OperationLimits, 'batch'>
  readonly batchesFrom: BatchesFrom
  readonly isTrusted: boolean
}

/** `isTrusted` lets a caller through whatever `batchesFrom` says. Throws CallerError BAD_USER_INPUT. */
export function checkBatch(batch: readonly unknown[], { limits, batchesFrom, isTrusted }: BatchRules): void {
  if (!isTrusted && batchesFrom === 'services')
    throw new CallerError(
      'BAD_USER_INPUT',
      'a batch of operations is accepted from services only: send each operation in a request of its own',
    )
  if (batch.length === 0 || batch.length > limits.batch)
    throw new CallerError(
      'BAD_USER_INPUT',
      `a batch has 1 to ${limits.batch} operations; this one has ${batch.length}`,
    )
}

function executeMember(setup: BatchSetup, request: FastifyRequest, part: BatchMember): Promise<HttpResult> {
  const body = part.member
  const context = () => setup.createContext(request, part)
  const execute = () => executeOperation(setup, request, { body, context })
  const parent = traceparentIn(body)
  return isTracing() ? inSpan('graphql.operation', { parent }, execute) : execute()
}
