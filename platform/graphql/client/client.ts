// Calls another service's GraphQL over pooled connections, with batching, a resilience policy and trace context.
import { CONSISTENCY_HEADER, parseToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { openStaticDiscovery } from '#platform/discovery/discovery.static.ts'
import type { Discovery } from '#platform/discovery/discovery.ts'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { type Instances, isGraphql, openInstances, type Post } from '#platform/graphql/client/instances.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'
import { headerText } from '#platform/http/header-text.ts'
import type { Policy } from '#platform/resilience/policy.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'

export type GraphqlClientOptions = {
  /** One or several addresses, or a name, as a URL variable has it. */
  readonly url: string
  /** Looks names up; only addresses work when left out. */
  readonly discovery?: Discovery
  readonly policy: Policy
  /** Returns the bearer token of calls that have no `authorization` header of their own. */
  readonly token?: () => Promise<string>
  /** Bytes of one response; 10 MB when left out. */
  readonly maxResponseBytes?: number
}

/** The text of an operation with the types of its result and variables; generated from the operation files. */
export type TypedDocument<Result, Variables> = string & {
  readonly __types?: (variables: Variables) => Result
}

export type GraphqlCall<Document extends string = string, Variables = Readonly<Record<string, unknown>>> = {
  readonly document: Document
  readonly variables: Variables
  /** When true, the policy may retry it after a fault. */
  readonly idempotent: boolean
  readonly headers?: Readonly<Record<string, string>>
  /**
   * False sends it by itself: for an operation that may take long, so that no other waits for it. Otherwise calls made in one
   * turn with equal headers share a POST.
   */
  readonly batch?: boolean
  /** When true, fields that fail leave partial data, with the failures in `errors`. */
  readonly partial?: boolean
}

export type RemoteError = {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** `consistency` holds the positions that the service reported, for the whole batch where there was one. */
export type GraphqlResult<T> = {
  readonly data: T
  readonly consistency: PositionVector
  /** Services that had not caught up in time with the positions that were required. */
  readonly stale: readonly string[]
  /** Empty unless the call asked for `partial` data. */
  readonly errors: readonly RemoteError[]
}

export type GraphqlClient = AsyncDisposable & {
  /**
   * Throws CallerError with the code that the service gave, UNAVAILABLE for faults of the network and timeouts, and
   * OperatorError DEPENDENCY_FAILED for INTERNAL or a response that is not GraphQL. Result and variables have the types
   * of a generated document.
   */
  request<Result, Variables>(
    call: GraphqlCall<TypedDocument<Result, Variables>, Variables>,
  ): Promise<GraphqlResult<Result>>
  /** The same for a document that is not generated; trusts that the data has the shape `T`. */
  request<T>(call: GraphqlCall): Promise<GraphqlResult<T>>
}

const MAX_BATCH = 50
const DEFAULT_MAX_BYTES = 10 * 1024 * 1024

type RawResponse = Pick<GraphqlResult<unknown>, 'consistency' | 'stale'> & { readonly body: unknown }
type PendingCall = {
  readonly call: GraphqlCall
  readonly trace: string | undefined
  readonly resolve: (answer: RawResponse) => void
  readonly reject: (error: unknown) => void
}
type Batch = {
  readonly headers: Record<string, string>
  readonly idempotent: boolean
  readonly members: PendingCall[]
}
type Service = { readonly instances: Instances; readonly policy: Policy }

/**
 * Where the service has several instances, a call goes to a healthy one; a call that could not be sent, or is idempotent
 * and was lost, goes to another at once.
 */
export function createGraphqlClient(options: GraphqlClientOptions): GraphqlClient {
  const {
    policy,
    discovery = openStaticDiscovery(),
    maxResponseBytes: maxBytes = DEFAULT_MAX_BYTES,
  } = options
  const followed = discovery.watch(options.url)
  const instances = openInstances({ name: policy.name, instances: followed, maxBytes })
  const enqueue = createQueue({ instances, policy })

  return {
    async request<T>(call: GraphqlCall): Promise<GraphqlResult<T>> {
      const headers = await headersOf(call, options.token)
      const response = await inSpan(`call ${policy.name}`, { kind: 'client' }, () =>
        enqueue({ headers, call, trace: traceparent() ?? headers.traceparent }),
      )
      return readResult<T>(response, call, policy.name)
    },
    [Symbol.asyncDispose]: () => instances[Symbol.asyncDispose](),
  }
}

async function headersOf(
  call: GraphqlCall,
  token: GraphqlClientOptions['token'],
): Promise<Record<string, string>> {
  const headers: Record<string, string> = { ...call.headers }
  if (token !== undefined && headers.authorization === undefined)
    headers.authorization = `Bearer ${await token()}`
  return headers
}

type QueuedCall = {
  readonly headers: Record<string, string>
  readonly call: GraphqlCall
  readonly trace: string | undefined
}

/** Batches the calls of one turn of the event loop by their headers. */
function createQueue(service: Service): (call: QueuedCall) => Promise<RawResponse> {
  const open = new Map<string, Batch>()
  const flush = () => {
    const batches = [...open.values()]
    open.clear()
    for (const batch of batches) void sendBatch(service, batch)
  }
  return ({ headers, call, trace }) =>
    new Promise((resolve, reject) => {
      const member: PendingCall = { call, trace, resolve, reject }
      const { idempotent } = call
      if (call.batch === false) return void sendBatch(service, { headers, idempotent, members: [member] })
      const key = batchKey(headers, call)
      if (open.size === 0) setImmediate(flush)
      const batch = open.get(key)
      if (batch === undefined) return void open.set(key, { headers, idempotent, members: [member] })
      batch.members.push(member)
      if (batch.members.length < MAX_BATCH) return
      open.delete(key)
      void sendBatch(service, batch)
    })
}

/** Members of a batch share every header but the trace, and whether they may be retried. */
function batchKey({ traceparent: _trace, ...headers }: Record<string, string>, call: GraphqlCall): string {
  return `${call.idempotent}\n${Object.entries(headers).flat().join('\n')}`
}

/** Never rejects: a failure rejects every member. */
async function sendBatch(service: Service, { headers, idempotent, members }: Batch): Promise<void> {
  const [first] = members
  const single = members.length === 1 ? first : undefined
  try {
    const payload = single ? singleBody(single.call) : members.map(batchedBody)
    const answer = await service.policy.run(
      signal => post(service, { payload, headers: tracedHeaders(headers, first?.trace), signal, idempotent }),
      { idempotent },
    )
    if (single) single.resolve(answer)
    else deliver(members, answer)
  } catch (error) {
    for (const member of members) member.reject(error)
  }
}

function singleBody({ document, variables }: GraphqlCall): object {
  return { query: document, variables }
}

/** Each member has its own trace: the batch's header can carry only the first one's. */
function batchedBody({ call, trace }: PendingCall): object {
  return trace === undefined ? singleBody(call) : { ...singleBody(call), extensions: { traceparent: trace } }
}

function tracedHeaders(headers: Record<string, string>, trace: string | undefined): Record<string, string> {
  const { traceparent: _own, ...rest } = headers
  return { ...rest, 'content-type': 'application/json', ...(trace !== undefined && { traceparent: trace }) }
}

async function post({ instances, policy: { name } }: Service, sent: Post): Promise<RawResponse> {
  try {
    const { body, status, headers } = await instances.post(sent)
    if (!isGraphql(body)) throw notGraphql(name, status)
    const stale = headerText(headers[STALE_HEADER])?.split(',').filter(Boolean) ?? []
    return { body, consistency: parseToken(headerText(headers[CONSISTENCY_HEADER])), stale }
  } catch (error) {
    if (error instanceof CallerError || error instanceof OperatorError) throw error
    throw new CallerError('UNAVAILABLE', `${name} cannot be reached`, { reason: 'NETWORK' }, error)
  }
}

/** A GraphQL response has a JSON body whatever its status; a proxy's error page is a network fault. */
function notGraphql(name: string, status: number): CallerError | OperatorError {
  const message = `${name} answered with HTTP ${status} and no GraphQL result`
  return status >= 500 || status === 429
    ? new CallerError('UNAVAILABLE', message, { reason: 'NETWORK' })
    : new OperatorError('DEPENDENCY_FAILED', message)
}

/** A response that is no array (a refused token, a batch too large) goes to every member. */
function deliver(members: readonly PendingCall[], { body, ...rest }: RawResponse): void {
  for (const [index, member] of members.entries())
    member.resolve({ body: Array.isArray(body) ? body[index] : body, ...rest })
}

function readResult<T>(
  { body, consistency, stale }: RawResponse,
  call: GraphqlCall,
  name: string,
): GraphqlResult<T> {
  if (!isObject(body)) throw new OperatorError('DEPENDENCY_FAILED', `${name} left an operation unanswered`)
  const errors = Array.isArray(body.errors) ? body.errors.filter(isRemoteError) : []
  const [first] = errors
  const hasData = isObject(body.data)
  if (first !== undefined && !(call.partial && hasData)) throw failureOf(first, name)
  if (!hasData) throw new OperatorError('DEPENDENCY_FAILED', `${name} answered without data`)
  return { data: body.data as T, consistency, stale, errors }
}

/** Returns the error to throw for a failed field of another service, without the name of a service behind it. */
export function failureOf({ message, extensions = {} }: RemoteError, name: string): Error {
  const { code, serviceName: _behind, ...details } = extensions
  if (isCallerCode(code)) return new CallerError(code, message, details)
  return new OperatorError('DEPENDENCY_FAILED', `${name} failed: ${message} ${JSON.stringify(extensions)}`)
}

function isRemoteError(value: unknown): value is RemoteError {
  return isObject(value) && typeof value.message === 'string'
}
