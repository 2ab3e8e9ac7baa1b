// One operation in somebody's name, whichever way it came: what goes out with its requests, what comes back beside its answer.
import type { IncomingHttpHeaders } from 'node:http'
import { GraphQLError } from 'graphql'
import type { ExecutionError, SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import type { WatchOperations } from '#gateway/observe/operations.ts'
import { type Admission, type Admit, underAdmission } from '#gateway/pipeline/admission.ts'
import {
  executeRequest,
  type FormatError,
  type GatewayAnswer,
  type GatewayRequest,
} from '#gateway/pipeline/execute.ts'
import type { Sharing } from '#gateway/pipeline/query-deduplication.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'
import type { Client } from '#gateway/safety/rate-limit/client-key.ts'
import { isSubgraphs, nameOrigin, shownError } from '#gateway/transport/error-masking.ts'
import type { ReplyHeaders } from '#gateway/transport/reply-headers.ts'
import type { Forwarded } from '#gateway/transport/subgraph.ts'
import { CONSISTENCY_HEADER, parseToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import { raisePosition } from '#platform/consistency/position-vector.ts'
import type { EndClient } from '#platform/graphql/end-client.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { headerText } from '#platform/http/header-text.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { knownTraceparent } from '#platform/telemetry/tracing.ts'

/** Who sent an operation, over whatever transport. */
export type Sender = {
  /** Of the request, or of the connection. */
  readonly headers: IncomingHttpHeaders
  /** Where it comes from. */
  readonly address?: string | undefined
  readonly requestId: string
  /** Checked. */
  readonly token: string | undefined
  /** Of that token. */
  readonly claims?: Claims | undefined
  /** Whom a service names as the end client; whoever else names one is not believed. */
  readonly endClient?: EndClient | undefined
  /** Positions that answers must have seen, as in the consistency header. */
  readonly required: string
}

export type AskedOperation = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
  /** The trace that it goes on from, when it says so itself. */
  readonly traceparent: string | undefined
  readonly queriesOnly: boolean
}

/** Collects what subgraphs wrote, and could not wait for. */
export type Notes = {
  readonly reached: Record<string, number>
  readonly stale: Set<string>
  /** What goes back to the client of subgraphs' headers; undefined where nothing does. */
  headers?: ReplyHeaders
}

export type OperationSetup = {
  readonly graph: Graph
  readonly format: FormatError
  readonly notes: Notes
  readonly watch: WatchOperations
  /** Everything may be run when left out. */
  readonly admission?: Admission | undefined
  /** Equal queries under way are one execution; each has its own when left out. */
  readonly sharing?: Sharing | undefined
}

export function emptyNotes(): Notes {
  return { reached: {}, stale: new Set() }
}

export function runOperation(
  { graph, format, notes, watch, admission, sharing }: OperationSetup,
  { traceparent, ...asked }: AskedOperation,
  sender: Sender,
): Promise<GatewayAnswer> {
  const forwarded = forwardedOf(sender, traceparent)
  const fetchNoting = (into: Notes) => (request: SubgraphRequest) =>
    fetchFrom(graph, request, forwarded, into)
  const request = {
    ...asked,
    claims: sender.claims,
    fetch: fetchNoting(notes),
    ...(sharing && { share: shareWith(sharing, { notes, fetchNoting, key: keyOf(graph, forwarded) }) }),
  }
  const run = (admit?: Admit) => executeRequest(graph.operations, { ...request, admit }, format)
  const execute = () =>
    admission ? underAdmission(admission, { client: clientOf(sender), format }, run) : run()
  return watch.run(execute, knownTraceparent(traceparent))
}

type Own = {
  readonly notes: Notes
  readonly fetchNoting: (into: Notes) => GatewayRequest['fetch']
  readonly key: string
}

function shareWith(
  { share }: Sharing,
  { notes, fetchNoting, key }: Own,
): NonNullable<GatewayRequest['share']> {
  return (query, run) => share({ ...query, forwarded: key }, notes, into => run(fetchNoting(into)))
}

/** All that the subgraphs' answers may depend on: what each is sent by its own rules. */
function keyOf({ subgraphs }: Graph, forwarded: Forwarded): string {
  let key = forwarded.key
  for (const subgraph of subgraphs.values()) {
    const own = subgraph.forward(forwarded)
    if (own !== forwarded) key += `\n${own.key}`
  }
  return key
}

/** Whom the operation is charged to. */
export function clientOf({ headers, address, claims, endClient }: Sender): Client {
  const { sub } = claims ?? {}
  if (endClient) return { headers, address: undefined, subject: undefined, ...endClient }
  return { headers, address, subject: typeof sub === 'string' ? sub : undefined }
}

/** Characters that everybody has to pass on (W3C Trace Context, 3.3.1.5). */
const MAX_TRACESTATE = 512

export function forwardedOf(
  { headers, requestId, token, required }: Sender,
  traceparent: string | undefined,
): Forwarded {
  const shared: Record<string, string> = {}
  if (required !== '') shared[CONSISTENCY_HEADER] = required
  if (token !== undefined) shared.authorization = `Bearer ${token}`
  return {
    shared,
    own: { 'x-request-id': requestId, ...traceContext(headers, traceparent) },
    key: `${token ?? ''}\n${required}`,
    incoming: headers,
  }
}

/** `tracestate` belongs to the `traceparent` beside it, not to one that an operation of a batch has of its own. */
function traceContext(
  headers: IncomingHttpHeaders,
  own: string | undefined,
): Readonly<Record<string, string>> {
  const traceparent = knownTraceparent(own ?? headerText(headers.traceparent))
  if (traceparent === undefined) return {}
  const tracestate = own === undefined ? headerText(headers.tracestate) : undefined
  return tracestate === undefined || tracestate.length > MAX_TRACESTATE
    ? { traceparent }
    : { traceparent, tracestate }
}

/** What a subgraph wrote or could not wait for travels back with the answer. */
export async function fetchFrom(
  { subgraphs }: Pick<Graph, 'subgraphs'>,
  asked: SubgraphRequest,
  forwarded: Forwarded,
  notes: Notes,
): Promise<SubgraphResponse> {
  const subgraph = subgraphs.get(asked.service)
  if (!subgraph) return { errors: [{ message: `there is no subgraph ${asked.service}` }] }
  const { answer: given, headers, passBack } = await subgraph.ask(asked, forwarded)
  if (passBack !== undefined) {
    notes.headers ??= new Map()
    passBack(headers, notes.headers)
  }
  const { [CONSISTENCY_HEADER]: reached, [STALE_HEADER]: stale } = headers
  if (typeof reached === 'string')
    for (const [service, position] of Object.entries(parseToken(reached)))
      raisePosition(notes.reached, service, position)
  if (typeof stale === 'string') for (const service of stale.split(',')) notes.stale.add(service)
  return given
}

/** Faults of the gateway's own making in one answer that are logged, at most: a list may have thousands. */
const MAX_LOGGED = 3

/**
 * What validation found is the caller's fault; what a subgraph told goes on as the settings say; what the executor found
 * wrong with an answer is for the log.
 */
export function createFormat(to: { readonly requestId: string; readonly logger: Logger }): FormatError {
  let logged = 0
  return error => {
    if (error instanceof GraphQLError) return formatError(asCallersFault(error), to)
    const isForLog = error.extensions.code === 'INTERNAL' && !isSubgraphs(error) && logged++ < MAX_LOGGED
    return (
      shownError(error) ??
      nameOrigin(error, formatError(asGraphQLError(isForLog ? { ...error, extensions: {} } : error), to))
    )
  }
}

function asGraphQLError({ message, path, extensions }: ExecutionError): GraphQLError {
  return new GraphQLError(message, { extensions: { ...extensions }, ...(path && { path }) })
}

function asCallersFault(error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    extensions: { code: 'BAD_USER_INPUT', ...error.extensions },
  })
}
