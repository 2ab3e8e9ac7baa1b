// Follows subgraphs' subscriptions as server-sent events, one request each (graphql-sse's distinct connections mode).
import { type Agent, request as send } from 'undici'
import { parseServerEvents } from '#gateway/subscriptions/upstream/sse-parser.ts'
import {
  type Connect,
  readEvent,
  refusalByStatus,
  type UpstreamEvent,
  type UpstreamLimits,
  UpstreamRefusal,
  type UpstreamRequest,
} from '#gateway/subscriptions/upstream/upstream.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject, parseJson } from '#platform/domain/json.ts'

const MAX_REFUSAL_BYTES = 64 * 1024

/** A request resumes after the last event where the subgraph's events have ids. */
export function connectStreams(
  dispatcher: Agent,
  { maxEventBytes }: Pick<UpstreamLimits, 'maxEventBytes'>,
): Connect {
  return (request, signal) => follow(request, signal, { dispatcher, maxEventBytes })
}

async function* follow(
  { service, url, headers, body, lastId }: UpstreamRequest,
  signal: AbortSignal,
  { dispatcher, maxEventBytes }: { readonly dispatcher: Agent; readonly maxEventBytes: number },
): AsyncGenerator<UpstreamEvent> {
  try {
    const response = await send(url, {
      method: 'POST',
      dispatcher,
      signal,
      body,
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...headers,
        ...(lastId !== undefined && { 'last-event-id': lastId }),
      },
    })
    if (response.statusCode !== 200 || !isStream(response.headers['content-type']))
      throw await refusal(service, response)
    yield { type: 'open' }
    for await (const event of parseServerEvents(response.body, maxEventBytes)) {
      if (event.name === 'complete') return
      if (event.name === 'next') yield readEvent(service, JSON.parse(event.data), event.id)
    }
  } catch (error) {
    if (signal.aborted) return
    throw error
  }
  throw new CallerError('UNAVAILABLE', `${service} broke off a subscription`)
}

function isStream(type: string | string[] | undefined): boolean {
  return /^text\/event-stream\b/i.test(String(type))
}

type Response = Awaited<ReturnType<typeof send>>

/** Returns the errors that a subgraph responded with as JSON, else the error for its status. */
async function refusal(service: string, { statusCode, body }: Response): Promise<Error> {
  let text = ''
  for await (const chunk of body) {
    text += String(chunk)
    if (text.length > MAX_REFUSAL_BYTES) break
  }
  const responded = statusCode < 500 && statusCode !== 401 && statusCode !== 403 ? parseJson(text) : undefined
  return isObject(responded) && Array.isArray(responded.errors) && responded.errors.length > 0
    ? new UpstreamRefusal(service, responded.errors)
    : refusalByStatus(service, statusCode)
}
