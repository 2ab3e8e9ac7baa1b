// Answers an array of operations in one HTTP exchange: each runs by itself, with its own context and trace.
import type { ApolloServer } from '@apollo/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CallerError } from '#platform/domain/errors.ts'
import { type Answer, createAnswer } from '#platform/graphql/answers-body.ts'
import { executeHttp, type HttpResult } from '#platform/graphql/apollo-http.ts'
import {
  CONSISTENCY_HEADER,
  formatToken,
  mergeTokens,
  parseToken,
  STALE_HEADER,
} from '#platform/graphql/consistency.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { isRecord } from '#platform/graphql/record.ts'
import { inSpan, isTracing } from '#platform/telemetry/tracing.ts'

export type BatchSetup = {
  readonly server: ApolloServer<RequestContext>
  readonly contextOf: (request: FastifyRequest, member: unknown) => Promise<RequestContext>
  /** Operations in one request. */
  readonly limit: number
}

/**
 * An array of results in the order of the operations, to be sent; undefined when the body is no array. The status is that of the members when they agree, and 200
 * otherwise; consistency headers cover all members. Throws CallerError BAD_USER_INPUT past the limit.
 */
export async function answerBatch(
  setup: BatchSetup,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Answer | undefined> {
  const { body } = request
  if (!Array.isArray(body)) return undefined
  if (body.length === 0 || body.length > setup.limit)
    throw new CallerError(
      'BAD_USER_INPUT',
      `a batch has 1 to ${setup.limit} operations; this one has ${body.length}`,
    )
  const answers = await Promise.all(body.map(member => answerMember(setup, request, member)))
  const status = answers[0]?.status ?? 200
  const consistency = mergeTokens(
    ...answers.map(answer => parseToken(answer.headers.get(CONSISTENCY_HEADER))),
  )
  const stale = new Set(answers.flatMap(answer => answer.headers.get(STALE_HEADER)?.split(',') ?? []))
  if (Object.keys(consistency).length > 0) void reply.header(CONSISTENCY_HEADER, formatToken(consistency))
  if (stale.size > 0) void reply.header(STALE_HEADER, [...stale].join(','))
  void reply.code(answers.every(answer => answer.status === status) ? status : 200)
  return createAnswer({
    text: `[${answers.map(answer => answer.body).join(',')}]`,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    tagged: false,
  })
}

function answerMember(
  { server, contextOf }: BatchSetup,
  request: FastifyRequest,
  member: unknown,
): Promise<HttpResult> {
  const execute = () =>
    executeHttp(server, request, { body: member, context: () => contextOf(request, member) })
  const parent = memberTraceparent(member)
  return isTracing() ? inSpan('graphql.operation', { parent }, execute) : execute()
}

/** The trace that a member goes on from: one header cannot carry a batch's many. */
export function memberTraceparent(member: unknown): string | undefined {
  if (!isRecord(member) || !isRecord(member.extensions)) return undefined
  const { traceparent } = member.extensions
  return typeof traceparent === 'string' ? traceparent : undefined
}
